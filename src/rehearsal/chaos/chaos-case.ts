import {spawn} from 'node:child_process';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {EngineEvent, WorkflowRequest, WorkflowResult, WorkflowRun} from '../engine/engine.js';
import {serving} from '../outside.js';
import {startVisitor} from '../product/visitor.js';
import {runWorkflow, type WorkflowName} from '../workflow-run.js';
import {names, secrets, startWorld, type World} from '../world.js';
import {
  inFlightLeft,
  type Look,
  lookAt,
  madeSince,
  maintenanceSeen,
  releasePins,
  servingAtRest,
  standstill,
  unreadable,
} from './aftermath.js';
import {type ChaosPlan, chaosPlan, type Kill} from './chaos-plan.js';

export interface ChaosGround {
  readonly suiteRoot: string;
  readonly nodePath: string;
  readonly start: (request: WorkflowRequest) => WorkflowRun;
  readonly signal: AbortSignal;
}

export interface ChaosResult {
  readonly plan: ChaosPlan;
  /** How each run ended, in order, such as `release failure`. */
  readonly runs: readonly string[];
  readonly violations: readonly string[];
  readonly ms: number;
}

/** A run that takes longer than this hangs; the workflow's own limits are hours. */
const boundMs = 480_000;

/** Plays the case of a seed in a world of its own: a disturbed release, then an ordinary next run, judged from outside. */
export async function playChaos(seed: number, ground: ChaosGround): Promise<ChaosResult> {
  const startedMs = Date.now();
  const plan = chaosPlan(seed);
  await using world = await startWorld(join(ground.suiteRoot, '.rehearsal'), {
    config: {gate: patientGate},
    github: {hourlyLimit: 100_000, contentPerMinute: 10_000},
  });
  const play: Play = {ground, world, runs: [], violations: [], sets: new Set()};
  // Some versions are bad only for users.
  const visitor = startVisitor({frontendUrl: world.frontendUrl, apiUrl: world.backendUrl, intervalMs: visitEveryMs});
  try {
    await disturbed(play, plan);
  } finally {
    await visitor.stop();
  }
  await nextRun(play);
  play.violations.push(...(await unreadable(world, (url) => readHistory(ground, world, url))), ...lostSets(play));
  return {plan, runs: play.runs, violations: play.violations, ms: Date.now() - startedMs};
}

const visitEveryMs = 100;

/** On a busy machine the rehearsal's twelve seconds are too few probes, and an undecided gate would look like a fault. */
const patientGate = {interval: '20ms', 'min-duration': '1s', 'max-duration': '90s', 'warm-up': '5s'};

interface Play {
  readonly ground: ChaosGround;
  readonly world: World;
  readonly runs: string[];
  readonly violations: string[];
  /** Sets that a backup job called sealed. */
  readonly sets: Set<string>;
}

async function disturbed(play: Play, plan: ChaosPlan): Promise<void> {
  const {world, violations} = play;
  for (const {standIn, fault} of plan.faults) world[standIn].faults.push({...fault});
  const result = await judged(play, 'release', plan.version, plan.kill);
  for (const standIn of ['vercel', 'railway', 'github', 's3'] as const) world[standIn].faults.length = 0;
  const {frontend, backend} = await sides(world);
  if (frontend !== backend && result.conclusion === 'success')
    violations.push(`a green run left the frontend on ${short(frontend)} and the backend on ${short(backend)}`);
}

/**
 * What a team does next: it pushes again. Where preflight refuses that, since nobody knows what the killed run did, it
 * follows the remedy, which is the rollback workflow, and pushes once more.
 */
async function nextRun(play: Play): Promise<void> {
  const {world, violations} = play;
  await releasePins(world);
  let result = await judged(play, 'release', 'v2');
  if (result.jobs['prepare']?.result === 'failure') {
    const back = await judged(play, 'rollback', 'v2', undefined, {
      component: 'all',
      to: 'previous',
      reason: 'a run was killed',
      'dry-run': false,
    });
    if (back.conclusion !== 'success')
      violations.push(`the rollback by hand ended as ${back.conclusion}${whyOf(back)}`);
    violations.push(...(await apart(world, 'after the rollback by hand')));
    await releasePins(world);
    result = await judged(play, 'release', 'v2');
  }
  if (result.conclusion !== 'success')
    violations.push(`the next release ended as ${result.conclusion}${whyOf(result)}`);
  violations.push(...(await apart(world, 'at the end')));
  const {frontend} = await sides(world);
  if (result.conclusion === 'success' && frontend !== world.product.commits.v2)
    violations.push(`the next release was called good, and the frontend serves ${short(frontend)}`);
}

/** One run, and what must hold after each: nothing made twice, nothing left to go live by itself, nobody kept out. */
async function judged(
  play: Play,
  workflow: WorkflowName,
  version: ChaosPlan['version'],
  kill?: Kill,
  inputs?: Readonly<Record<string, string | boolean>>,
): Promise<WorkflowResult> {
  const {world, violations} = play;
  const before = await lookAt(world);
  const result = await runOnce(play, workflow, version, kill, inputs);
  if (!result) throw new Error(`${workflow} of ${version} did not end within ${boundMs / 1_000} s`);
  play.runs.push(`${workflow} ${result.conclusion}`);
  const set = result.jobs['backup']?.result === 'success' ? result.jobs['backup'].outputs['set'] : undefined;
  if (set) play.sets.add(set);
  if (result.conclusion === 'success') violations.push(...inFlightLeft(world, (await serving(world)).backend));
  await standstill(world);
  violations.push(...madeTwice(world, before).map((what) => `${what} in one ${workflow}`));
  const kept = await maintenanceSeen(world);
  if (kept.frontend || kept.backend) violations.push(`users are kept out by maintenance mode after the ${workflow}`);
  return result;
}

async function runOnce(
  {ground, world}: Play,
  workflow: WorkflowName,
  version: ChaosPlan['version'],
  kill: Kill | undefined,
  inputs: Readonly<Record<string, string | boolean>> | undefined,
): Promise<WorkflowResult | undefined> {
  const sha = await world.product.release(version);
  let pending = kill;
  const run: WorkflowRun = runWorkflow({
    world,
    suiteRoot: ground.suiteRoot,
    workflow,
    sha,
    nodePath: ground.nodePath,
    start: ground.start,
    ...(inputs && {event: {name: 'workflow_dispatch', inputs}}),
    onEvent: (event) => {
      if (!pending || !isMoment(pending, event)) return;
      const due = pending;
      pending = undefined;
      setTimeout(() => strike(run, due), due.afterMs);
    },
  });
  const stop = () => run.cancel();
  ground.signal.addEventListener('abort', stop, {once: true});
  try {
    return await Promise.race([run.done, sleep(boundMs, undefined, {ref: false})]);
  } finally {
    ground.signal.removeEventListener('abort', stop);
  }
}

const isMoment = ({job, step}: Kill, event: EngineEvent) =>
  event.type === 'step-started' && event.job === job && event.step === step;

function strike(run: WorkflowRun, {how, job}: Kill): void {
  if (how === 'cancel') run.cancel();
  else if (how === 'lost runner') run.killRunner(job);
  else run.signalStep!(job, how);
}

/** Commit of each side; the frontend's deployment where nothing names its commit. */
async function sides(world: World): ReturnType<typeof serving> {
  const {frontend, backend, answers, answered} = await servingAtRest(world);
  const served = world.vercel.state().deployments.find((one) => one.id === frontend);
  return {frontend: served ? commitOf(served) : frontend, backend, answers, answered};
}

/** An upload says itself which commit it is of. */
function commitOf({commit, meta, id}: ReturnType<World['vercel']['state']>['deployments'][number]): string {
  return meta['switchbackCommit'] ?? commit ?? id;
}

async function apart(world: World, when: string): Promise<string[]> {
  const {frontend, backend, answers, answered} = await sides(world);
  return [
    ...(frontend === backend ? [] : [`${when} the frontend serves ${short(frontend)}, the backend ${short(backend)}`]),
    ...(answers ? [] : [`${when} the product does not answer: ${answered}`]),
  ];
}

function madeTwice(world: World, before: Look): string[] {
  const {vercel, railway} = madeSince(world, before);
  const byRelease = repeated(vercel.map((one) => `${commitOf(one)} for ${one.meta['switchbackRelease']}`));
  const deployed = railway.filter((one) => ['deploy', 'push', 'upload'].includes(one.cause));
  const wentBack = railway.filter((one) => ['rollback', 'redeploy'].includes(one.cause));
  return [
    ...byRelease.map((what) => `two Vercel deployments of ${what} were made`),
    ...repeated(deployed.map((one) => String(one.commit))).map(
      (what) => `two Railway deployments of ${what} were made`,
    ),
    ...repeated(wentBack.map((one) => String(one.commit))).map((what) => `two Railway rollbacks to ${what} were made`),
  ];
}

const repeated = (items: readonly string[]) => [...new Set(items.filter((item, i) => items.indexOf(item) !== i))];

/** What a backup called sealed must still be in the bucket, whatever happened afterwards. */
function lostSets({world, sets}: Play): string[] {
  const keys = world.s3.objects(names.bucket).map((object) => object.key);
  return [...sets]
    .filter((set) => !keys.some((key) => key.endsWith(`${set}/manifest.json`)))
    .map((set) => `the set ${set} is gone`);
}

/** By the product's own reader, as a person at a terminal would. */
function readHistory({suiteRoot, nodePath}: ChaosGround, world: World, githubUrl: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(nodePath, [join(suiteRoot, 'bin/switchback.mjs'), 'history', '--limit', '100', '--json'], {
      cwd: world.product.dir,
      env: {
        PATH: process.env['PATH'] ?? '',
        GITHUB_TOKEN: secrets.githubToken,
        GITHUB_API_URL: githubUrl,
        GITHUB_REPOSITORY: `${names.owner}/${names.repository}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [output, complaint] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`switchback history ended with ${code}: ${complaint.slice(0, 500)}`));
      const {outputs} = JSON.parse(output) as {outputs: {releases: string}};
      resolve((JSON.parse(outputs.releases) as unknown[]).length);
    });
  });
}

function whyOf(result: WorkflowResult): string {
  const errors = Object.entries(result.jobs).flatMap(([job, {steps}]) =>
    steps.flatMap((step) =>
      step.annotations
        .filter(({level}) => level === 'error')
        .map(({message}) => `\n  ${job} / ${step.name}: ${message}`),
    ),
  );
  return errors.slice(0, 4).join('').slice(0, 3_000);
}

const short = (commit: string) => commit.slice(0, 12);
