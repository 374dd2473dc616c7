import type {StepDefinition} from '../policy.js';
import {redactor} from '../redaction.js';
import {select} from './expectation.js';
import {ask} from './http.js';
import {type Answer, type Probe, type ProbeContext, type ProbeResult, resultOf} from './probe.js';

/** Steps in order, such as log in, then read; values saved by one are used by later ones as `{name}`. */
export const probeSequence: Probe = async (check, context) => {
  const saved: Record<string, string> = {};
  const careful: ProbeContext = {...context, redact: (text) => redactor(Object.values(saved))(context.redact(text))};
  let latencyMs = 0;
  for (const [i, step] of (check.steps ?? []).entries()) {
    const result = await runStep(step);
    latencyMs += result.latencyMs ?? 0;
    const label = step.name ?? `step ${i + 1}`;
    if (result.outcome !== 'ok') return {...result, latencyMs, detail: `${label}: ${result.detail ?? result.outcome}`};
  }
  return {outcome: 'ok', latencyMs};

  async function runStep(step: StepDefinition): Promise<ProbeResult> {
    try {
      let answer: Answer | undefined;
      const result = await ask(
        check,
        step,
        careful,
        (text) => fill(text, saved),
        (given) => {
          answer = given;
        },
      );
      return result.outcome === 'ok' && answer ? keep(step, answer, saved, result) : result;
    } catch (error) {
      return resultOf(error, careful.redact);
    }
  }
};

function fill(text: string, saved: Readonly<Record<string, string>>): string {
  return text.replace(/\{([a-z][\w-]*)\}/gi, (whole, name: string) =>
    Object.hasOwn(saved, name) ? saved[name]! : whole,
  );
}

function keep(step: StepDefinition, answer: Answer, saved: Record<string, string>, result: ProbeResult): ProbeResult {
  if (!step.save) return result;
  const document = parse(answer.body.toString('utf8'));
  for (const [name, path] of Object.entries(step.save)) {
    const [value] = document === undefined ? [] : select(document, path);
    if (typeof value !== 'string' && typeof value !== 'number')
      return {
        ...result,
        outcome: 'failed',
        class: 'assertion',
        expected: `${path} to save as {${name}}`,
        got: 'nothing there',
        detail: `expected ${path} to save as {${name}}, got nothing there`,
      };
    saved[name] = String(value);
  }
  return result;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
