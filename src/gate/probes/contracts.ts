import type {CheckDefinition} from '../policy.js';
import {addressOf, ask, showUrl} from './http.js';
import {type Answer, type Probe, type ProbeContext, ProbeError, type ProbeResult, resultOf} from './probe.js';

/**
 * The preflight a browser sends before a cross-origin request: the named origin must be let in. A server that fails
 * altogether (5xx, no answer) is a failed probe, not a broken contract.
 */
export const probeCors: Probe = async (check, context) => {
  const method = check.method ?? 'GET';
  const headers = {...check.headers, origin: check.origin!, 'access-control-request-method': method};
  try {
    let answer: Answer | undefined;
    const anyStatus = Array.from({length: 400}, (_, i) => 100 + i);
    const result = await ask(
      {...check, headers},
      {method: 'OPTIONS', expect: {status: anyStatus}},
      context,
      undefined,
      (given) => {
        answer = given;
      },
    );
    if (!answer || result.outcome !== 'ok') return result;
    return {...result, ...judgePreflight(answer, check.origin!, method)};
  } catch (error) {
    return resultOf(error, context.redact);
  }
};

function judgePreflight(
  {headers}: Answer,
  origin: string,
  method: string,
): Partial<ProbeResult> & Pick<ProbeResult, 'outcome'> {
  const allowed = headers['access-control-allow-origin'];
  const methods = headers['access-control-allow-methods'];
  if (allowed !== origin && allowed !== '*')
    return broken(`access-control-allow-origin: ${origin}`, allowed ?? 'no such header');
  const simple = /^(GET|HEAD|POST)$/.test(method);
  const named = methods?.split(',').some((name) => name.trim().toUpperCase() === method || name.trim() === '*');
  return simple || named
    ? {outcome: 'ok'}
    : broken(`access-control-allow-methods with ${method}`, methods ?? 'no such header');
}

function broken(expected: string, got: string): ProbeResult {
  return {outcome: 'broken', class: 'assertion', expected, got, detail: `expected ${expected}, got ${got}`};
}

const refusals = [401, 403, 404];

/**
 * A resource of one organisation asked for with another's token: it must be refused. That its own token opens it is
 * asked first, since a refusal proves nothing about a resource that nobody can read.
 */
export const probeTenant: Probe = async (check, context) => {
  const request = `GET ${showUrl(addressOf(check, check, context))}`;
  try {
    const own = await ask(check, {...check, expect: {}}, context);
    if (own.outcome !== 'ok') return {...own, detail: `its own token: ${own.detail ?? 'no good answer'}`};
    return await askForeign(check, context, request);
  } catch (error) {
    return {request, ...resultOf(error, context.redact)};
  }
};

async function askForeign(check: CheckDefinition, context: ProbeContext, request: string): Promise<ProbeResult> {
  const allowed = check.expect?.status === undefined ? refusals : [check.expect.status].flat();
  const foreign = await ask(check, {...check, auth: check['foreign-auth']!, expect: {status: allowed}}, context);
  if (foreign.outcome === 'ok') return foreign;
  const status = foreign.status ?? 0;
  if (status >= 500) throw new ProbeError('status-5xx', `status ${status} for the foreign token`, {request, status});
  // The excerpt would be another tenant's data: it is left out.
  const {excerpt: _, ...rest} = foreign;
  return {
    ...rest,
    outcome: 'broken',
    class: 'assertion',
    expected: `status ${allowed.join(' or ')} for another organisation's token`,
    got: `status ${status}`,
    detail: `another organisation's token was answered with status ${status}`,
  };
}
