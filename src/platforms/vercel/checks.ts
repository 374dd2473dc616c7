import {isAbort} from '../../kernel/errors.js';
import type {Call} from './api.js';
import {clean} from './build-log.js';
import type {Vercel} from './context.js';
import {type Json, record, records, text} from './json.js';

const passing = new Set(['succeeded', 'neutral', 'skipped']);

/**
 * The project's checks that keep a deployment from its domains, as `name (state)`: of the newer kind, or else of the
 * older. It only explains, so it is empty when it cannot be told.
 */
export async function holdingChecks(vercel: Vercel, deploymentId: string, call: Call): Promise<string[]> {
  const id = encodeURIComponent(deploymentId);
  const newer = await list(vercel, `/v2/deployments/${id}/check-runs`, 'runs', call);
  const holding = newer.filter(({blocks}) => blocks === 'deployment-alias' || blocks === 'deployment-promotion');
  if (holding.length > 0) return describe(vercel, holding);
  const older = await list(vercel, `/v1/deployments/${id}/checks`, 'checks', call);
  return describe(
    vercel,
    older.filter(({blocking}) => blocking !== false),
  );
}

function describe(vercel: Vercel, checks: readonly Json[]): string[] {
  const open = checks.filter(({status, conclusion}) => status !== 'completed' || !passing.has(text(conclusion) ?? ''));
  return open.map(({name, status, conclusion}) =>
    clean(vercel, `${text(name) ?? 'a check'} (${text(conclusion) ?? text(status) ?? 'unknown'})`, 120),
  );
}

async function list(vercel: Vercel, path: string, field: string, call: Call): Promise<Json[]> {
  try {
    return records(record(await vercel.api.read(path, {...call, what: 'read the checks of the deployment'}))?.[field]);
  } catch (error) {
    if (isAbort(error)) throw error;
    return [];
  }
}
