import {Failure, isAbort} from '../../kernel/errors.js';
import type {Call} from './api.js';
import type {Vercel} from './context.js';
import {type Json, number, record, records, text, texts} from './json.js';
import {together} from './together.js';

export interface Variable {
  readonly name: string;
  readonly kind: string;
  readonly targets: readonly string[];
  /** `project`, or `team` for a shared one. */
  readonly from: 'project' | 'team';
}

export interface Environment {
  /** Names only: values are never asked for. */
  readonly variables: readonly Variable[];
  /** Why the list may lack some; undefined when it is complete. */
  readonly incomplete: string | undefined;
}

/** The variables of the project and those that its team shares with it. */
export async function readEnvironment(vercel: Vercel, projectId: string, call: Call): Promise<Environment> {
  const [own, shared] = await together([
    ownVariables(vercel, projectId, call),
    sharedVariables(vercel, projectId, call),
  ]);
  return {variables: [...own.variables, ...shared.variables], incomplete: own.incomplete ?? shared.incomplete};
}

async function ownVariables(vercel: Vercel, projectId: string, call: Call): Promise<Environment> {
  const path = `/v10/projects/${encodeURIComponent(projectId)}/env`;
  const {items, hidden} = await pages(vercel, path, {}, 'list the environment variables', call);
  const incomplete =
    hidden > 0 ? `the token may not see ${hidden} production variable${hidden === 1 ? '' : 's'}` : undefined;
  return {variables: items.flatMap((item) => variableOf(item, 'project')), incomplete};
}

/** A project-scoped token is refused here; then a missing name proves nothing. */
async function sharedVariables(vercel: Vercel, projectId: string, call: Call): Promise<Environment> {
  try {
    const {items} = await pages(vercel, '/v1/env', {projectId}, 'list the shared environment variables', call);
    return {variables: items.flatMap((item) => variableOf(item, 'team')), incomplete: undefined};
  } catch (error) {
    if (isAbort(error) || !(error instanceof Failure)) throw error;
    // A personal account has no shared variables, and no such list.
    const isAbsent = error.details.status === 404 && vercel.settings.team === undefined;
    return {
      variables: [],
      incomplete: isAbsent ? undefined : 'the token may not list the variables that the team shares with the project',
    };
  }
}

/** Three answer shapes: with a count of hidden ones, with pages, and one bare variable. Shared ones come as `data`. */
async function pages(
  vercel: Vercel,
  path: string,
  query: Record<string, string>,
  what: string,
  call: Call,
): Promise<{items: Json[]; hidden: number}> {
  const items: Json[] = [];
  let hidden = 0;
  let until: number | undefined;
  for (let page = 0; page < 50; page++) {
    const body = record(await vercel.api.read(path, {...call, what, query: {...query, until}})) ?? {};
    const list = body.envs ?? body.data;
    items.push(...(list === undefined && text(body.key) ? [body] : records(list)));
    hidden = Math.max(hidden, number(body.hiddenProductionEnvCount) ?? 0);
    until = number(record(body.pagination)?.next);
    if (until === undefined) break;
  }
  return {items, hidden};
}

function variableOf(item: Json, from: Variable['from']): Variable[] {
  const name = text(item.key);
  const target = item.target;
  if (!name) return [];
  return [
    {name, kind: text(item.type) ?? 'unknown', targets: typeof target === 'string' ? [target] : texts(target), from},
  ];
}

/** A project variable as it is listed unasked for its secret. */
export interface StoredVariable {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly targets: readonly string[];
  readonly branch: string | undefined;
  /** What it is; only a plain one's means anything. */
  readonly value: string | undefined;
  readonly updatedAtMs: number;
}

/** The project's own variables with what it takes to change them. */
export async function readVariables(vercel: Vercel, projectId: string, call: Call): Promise<StoredVariable[]> {
  const path = `/v10/projects/${encodeURIComponent(projectId)}/env`;
  const {items} = await pages(vercel, path, {}, 'list the environment variables', call);
  return items.flatMap((item) => {
    const id = text(item.id);
    return variableOf(item, 'project').flatMap(({name, kind, targets}) =>
      id === undefined
        ? []
        : [
            {
              id,
              name,
              kind,
              targets,
              branch: text(item.gitBranch),
              value: text(item.value),
              updatedAtMs: number(item.updatedAt) ?? 0,
            },
          ],
    );
  });
}

export type Presence = 'present' | 'missing' | 'unknown';

/** Whether a production build will have the variable; `unknown` when the list is not whole. */
export function presence(environment: Environment, name: string): Presence {
  // One without any target is a custom environment's.
  if (environment.variables.some((variable) => variable.name === name && variable.targets.includes('production')))
    return 'present';
  return environment.incomplete === undefined ? 'missing' : 'unknown';
}
