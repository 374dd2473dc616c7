import {cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {type Document, isMap, isScalar, isSeq, parseDocument, visit} from 'yaml';

/**
 * Copies of workflows and actions that nektos/act can read: it knows neither `$/…` nor the newer keys. Only names are
 * rewritten and keys removed; what is executed stays the same.
 */

/** The name under which act finds the suite's actions, given to it as a local repository. */
export const suiteRepository = 'rehearsal/suite';
const suiteRef = 'v1';
export const suiteReference = `${suiteRepository}@${suiteRef}`;

/** Id of the job that is added to write down all results. */
export const reportJob = 'rehearsal-report';

export interface ActCopy {
  readonly text: string;
  /** `owner/name@ref` of every repository that a `uses` names. */
  readonly repositories: readonly string[];
  /** Paths that `$/…` and `./.github/workflows/…` name. */
  readonly own: readonly string[];
  /** Names of jobs that call a workflow, to their ids. */
  readonly callers: ReadonlyMap<string, string>;
}

/** A workflow for act. With `report`, a last job writes `toJSON(needs)` of all jobs to that file. */
export function copyWorkflow(text: string, report?: string): ActCopy {
  const document = parseDocument(text);
  const names = rewriteUses(document);
  for (const path of [['permissions'], ['concurrency']]) document.deleteIn(path);
  const jobs = document.get('jobs');
  const ids = isMap(jobs) ? jobs.items.map((pair) => String(pair.key)) : [];
  for (const id of ids) {
    for (const key of ['permissions', 'concurrency']) document.deleteIn(['jobs', id, key]);
    if (isMap(document.getIn(['jobs', id, 'environment'])))
      document.deleteIn(['jobs', id, 'environment', 'deployment']);
  }
  const schedule = document.getIn(['on', 'schedule']);
  if (isSeq(schedule)) for (const item of schedule.items) if (isMap(item)) item.delete('timezone');
  const callers = new Map(
    ids
      .filter((id) => document.hasIn(['jobs', id, 'uses']))
      .map((id) => [String(document.getIn(['jobs', id, 'name']) ?? id), id] as const),
  );
  if (report) document.setIn(['jobs', reportJob], document.createNode(reportDefinition(ids, report)));
  return {text: document.toString({lineWidth: 0}), ...names, callers};
}

/** Copies the actions that a suite holds below `to`, composites rewritten, sources left out. */
export function copyActions(root: string, paths: readonly string[], to: string): readonly string[] {
  const repositories: string[] = [];
  const waiting = paths.map(topOf);
  const seen = new Set<string>();
  for (let top = waiting.shift(); top !== undefined; top = waiting.shift()) {
    if (seen.has(top)) continue;
    seen.add(top);
    cpSync(join(root, top), join(to, top), {recursive: true, filter: isShipped});
    for (const manifest of manifestsBelow(join(to, top))) {
      const document = parseDocument(readFileSync(manifest, 'utf8'));
      const named = rewriteUses(document);
      writeFileSync(manifest, document.toString({lineWidth: 0}));
      repositories.push(...named.repositories);
      waiting.push(...named.own.map(topOf));
    }
  }
  return repositories;
}

const topOf = (path: string) => path.split('/')[0]!;
const isShipped = (path: string) => !/\.ts$|\/node_modules(\/|$)/.test(path);

/** Copies a workflow and those it calls to the same paths below `to`; returns everything they name. */
export function copyWorkflows(
  root: string,
  path: string,
  to: string,
  report: string,
): {repositories: string[]; actions: string[]; callers: ActCopy['callers']} {
  const repositories: string[] = [];
  const actions: string[] = [];
  const waiting = [path];
  const seen = new Set<string>();
  let callers: ActCopy['callers'] = new Map();
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const copy = copyWorkflow(readFileSync(join(root, next), 'utf8'), next === path ? report : undefined);
    mkdirSync(dirname(join(to, next)), {recursive: true});
    writeFileSync(join(to, next), copy.text);
    if (next === path) callers = copy.callers;
    repositories.push(...copy.repositories);
    for (const own of copy.own) (own.startsWith('.github/') ? waiting : actions).push(own);
  }
  return {repositories, actions, callers};
}

function rewriteUses(document: Document): {repositories: string[]; own: string[]} {
  const repositories: string[] = [];
  const own: string[] = [];
  visit(document, {
    Pair: (_, pair) => {
      if (!isScalar(pair.key) || pair.key.value !== 'uses' || !isScalar(pair.value)) return;
      const uses = String(pair.value.value);
      const path = /^(?:\$\/|\.\/(?=\.github\/workflows\/))(.+)$/.exec(uses)?.[1];
      const repository = /^([\w.-]+\/[\w.-]+)(?:\/[^@]+)?@(\S+)$/.exec(uses);
      if (path) {
        own.push(path);
        pair.value.value = path.startsWith('.github/') ? `./${path}` : `${suiteRepository}/${path}@${suiteRef}`;
      } else if (repository) repositories.push(`${repository[1]}@${repository[2]}`);
    },
  });
  return {repositories, own};
}

function reportDefinition(needs: readonly string[], file: string): object {
  return {
    needs,
    if: 'always()',
    'runs-on': 'ubuntu-latest',
    steps: [{run: 'printf %s "$RESULTS" > "$REPORT"', env: {RESULTS: '${{ toJSON(needs) }}', REPORT: file}}],
  };
}

function manifestsBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile() && /^action\.ya?ml$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}
