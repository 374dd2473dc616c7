import {Failure} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import type {PlatformCall} from '../platform.js';
import type {Vercel} from './context.js';
import {readVariables, type StoredVariable} from './environment.js';
import {record, records, text} from './json.js';
import {readProject} from './project.js';

export interface VariablesSet {
  /** Names that were there and got a value. */
  readonly changed: readonly string[];
  /** Names that were not there for production before. */
  readonly made: readonly string[];
}

/**
 * Gives production variables of the project new values, and reads back that each was written. Values reach only
 * deployments that are built afterwards. A variable that is there keeps its kind and its other targets; what is missing
 * is made, for production alone. Values that are there are not asked for. Repeating it comes to the same.
 * @throws Failure VERCEL_VARIABLE when one cannot be written or was not, naming it.
 */
export async function setVariables(
  vercel: Vercel,
  values: Readonly<Record<string, string>>,
  call: PlatformCall,
): Promise<VariablesSet> {
  const project = await readProject(vercel, call);
  const path = `/projects/${encodeURIComponent(project.id)}/env`;
  const before = await productionVariables(vercel, project.id, call);
  const changed: string[] = [];
  const made: string[] = [];
  for (const [name, value] of Object.entries(values)) {
    const there = before.get(name);
    const what = `set the variable ${oneLine(name, 80)}`;
    if (there)
      await vercel.api.write('PATCH', `/v9${path}/${encodeURIComponent(there.id)}`, {...call, what, body: {value}});
    else await create(vercel, path, {name, value, what}, call);
    (there ? changed : made).push(name);
  }
  await readBack(vercel, project.id, values, before, call);
  return {changed, made};
}

async function create(
  vercel: Vercel,
  path: string,
  {name, value, what}: {readonly name: string; readonly value: string; readonly what: string},
  call: PlatformCall,
): Promise<void> {
  const body = {key: name, value, type: 'plain', target: ['production']};
  const answer = await vercel.api.write('POST', `/v10${path}`, {...call, what, query: {upsert: 'true'}, body});
  // 201 even when it was refused.
  const [refused] = records(record(answer.body)?.failed);
  if (refused) throw unwritten(name, oneLine(text(record(refused.error)?.message) ?? 'no reason told', 200));
}

async function readBack(
  vercel: Vercel,
  projectId: string,
  values: Readonly<Record<string, string>>,
  before: ReadonlyMap<string, StoredVariable>,
  call: PlatformCall,
): Promise<void> {
  const after = await productionVariables(vercel, projectId, call);
  for (const [name, value] of Object.entries(values)) {
    const now = after.get(name);
    if (!now) throw unwritten(name, 'it is not listed afterwards');
    // Encrypted ones do not show their value unasked; that they were written is told by their time.
    const written = now.kind === 'plain' ? now.value === value : now.updatedAtMs > (before.get(name)?.updatedAtMs ?? 0);
    if (!written) throw unwritten(name, 'it reads as before');
  }
}

async function productionVariables(
  vercel: Vercel,
  projectId: string,
  call: PlatformCall,
): Promise<Map<string, StoredVariable>> {
  const all = await readVariables(vercel, projectId, call);
  return new Map(
    all
      .filter(({targets, branch}) => targets.includes('production') && branch === undefined)
      .map((variable) => [variable.name, variable]),
  );
}

function unwritten(name: string, why: string): Failure {
  return new Failure('VERCEL_VARIABLE', `Vercel did not take the new value of ${oneLine(name, 80)}: ${why}`, {
    remedy: 'Set it by hand in the settings of the project, or use a token that may write variables; then run again.',
  });
}
