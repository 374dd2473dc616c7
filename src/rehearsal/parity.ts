import {isDeepStrictEqual} from 'node:util';
import type {WorkflowResult} from './engine/engine.js';
import type {Outcome} from './scenario.js';
import {names, type World} from './world.js';

/** What two engines must agree on after the same scenario, with everything that differs from run to run replaced by its kind. */
export interface Facts {
  readonly runs: ReadonlyArray<{
    readonly conclusion: string;
    readonly jobs: Readonly<
      Record<string, {readonly result: string; readonly outputs: Readonly<Record<string, string>>}>
    >;
  }>;
  readonly world: Readonly<Record<string, unknown>>;
}

/** Read from the world while it still stands. */
export async function factsOf({world, results, before}: Omit<Outcome, 'visits' | 'result'>): Promise<Facts> {
  const plain = plainText(world, before);
  return {runs: results.map((result) => runFacts(result, plain)), world: await worldFacts(world, plain)};
}

function runFacts(result: WorkflowResult, plain: (text: string) => string): Facts['runs'][number] {
  const jobs = Object.entries(result.jobs).map(([id, job]) => {
    // One engine leaves empty outputs away, the other has them empty: to an expression both are the same.
    const outputs = Object.entries(job.outputs).filter(([, value]) => value !== '');
    return [id, {result: job.result, outputs: sorted(outputs.map(([name, value]) => [name, plain(value)]))}] as const;
  });
  return {conclusion: result.conclusion, jobs: sorted(jobs)};
}

async function worldFacts(world: World, plain: (text: string) => string): Promise<Record<string, unknown>> {
  const [page, health] = await Promise.all(
    [world.frontendUrl, `${world.backendUrl}/api/health`].map(async (url) => {
      // The address of a project that is gone answers nobody.
      const answer = await fetch(url).catch(() => undefined);
      await answer?.arrayBuffer();
      return answer?.status ?? 'no answer';
    }),
  );
  const vercel = world.vercel.state();
  const railway = world.railway.state();
  const project = vercel.projects.find((candidate) => candidate.id === names.vercelProject);
  return {
    page,
    health,
    frontend: (project?.hosts ?? []).map((host) => plain(host.deploymentId ?? 'nothing')),
    autoAssign: project?.autoAssign,
    backend: railway.services.map((service) => plain(service.servingCommit ?? 'nothing')),
    vercelDeployments: counted(vercel.deployments.map((one) => plain(`${one.commit} ${one.readyState}`))),
    railwayDeployments: counted(railway.deployments.map((one) => plain(`${one.commit} ${one.cause} ${one.status}`))),
    maintenance: railway.services.some((service) => service.edgeRules !== null),
    // Jobs that run side by side note what they did in either order.
    ledger: counted(world.github.releaseEvents().map(plain)),
    lastEvent: plain(world.github.releaseEvents().at(-1) ?? ''),
    pins: world.github.pins().length,
    issues: world.github.issues().map((issue) => plain(`${issue.state}: ${issue.title}`)),
    sets: [names.bucket, names.secondBucket].map((bucket) => setsIn(world, bucket)),
  };
}

/** How many sealed sets a bucket holds; a scenario may have lost it. */
function setsIn({s3}: World, bucket: string): number | 'lost' {
  if (!s3.buckets().includes(bucket)) return 'lost';
  return s3.keys(bucket).filter((key) => key.endsWith('/manifest.json')).length;
}

/** Ids, times, addresses and figures as their kind; the ids of this world as what they are. */
function plainText(world: World, before: Outcome['before']): (text: string) => string {
  const known = new Map<string, string>();
  for (const [name, commit] of Object.entries(world.product.commits)) known.set(commit, `<commit ${name}>`);
  for (const [name, commit] of Object.entries(world.product.commits)) known.set(commit.slice(0, 7), `<commit ${name}>`);
  known.set(before.frontend, '<frontend before>');
  return (text) => {
    let plain = text;
    for (const [value, name] of known) plain = plain.replaceAll(value, name);
    return plain
      .replace(/\bdpl_\w+/g, '<deployment>')
      .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<id>')
      .replace(/\b\d{4}-?\d\d-?\d\d[T-]\d\d:?\d\d:?\d\d(\.\d+)?Z?/g, '<time>')
      .replace(/https?:\/\/[^\s"']+/g, '<url>')
      .replace(/\b(?:[a-z0-9-]+\.)*(?:localhost|127\.0\.0\.1):\d+/g, '<host>')
      .replace(/\b[0-9a-f]{6,64}\b/g, '<hash>')
      .replace(/\d+(?:[.,]\d+)*/g, '<n>');
  };
}

function counted(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts.toSorted()) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

function sorted<T>(entries: ReadonlyArray<readonly [string, T]>): Record<string, T> {
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Where two engines differ, one line each; empty when they agree. */
export function differences(embedded: Facts, act: Facts): string[] {
  return compare('', embedded, act);
}

function compare(path: string, a: unknown, b: unknown): string[] {
  if (isDeepStrictEqual(a, b)) return [];
  if (!isObject(a) || !isObject(b)) return [`${path}: embedded ${JSON.stringify(a)}, act ${JSON.stringify(b)}`];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => compare(path ? `${path}.${key}` : key, a[key], b[key]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
