import {join} from 'node:path';
import type {Fault, Recorded} from '../stand-in.js';
import {startWorld, type World} from '../world.js';
import {
  inFlightLeft,
  type Look,
  lookAt,
  madeSince,
  maintenanceSeen,
  type ReadLedger,
  releasePins,
  servingAtRest,
  standstill,
  unreadable,
} from './aftermath.js';
import type {StepEnd} from './killable-step.js';
import {randomFrom, shuffled} from './random.js';
import {
  type Ground,
  type Handed,
  handedBy,
  journeyOf,
  journeys,
  type StepName,
  startStep,
  stepNames,
} from './release-steps.js';

/**
 * Kills the acting process around each request that a release, its rollback and a maintenance window make, lets one
 * ordinary next run follow, and looks from outside at what is left.
 */

const platformNames = ['vercel', 'railway', 'github'] as const;
type PlatformName = (typeof platformNames)[number];

const moments = ['before', 'applied', 'answered'] as const;

/** One kill: around the request `index` (from 0) that `step` makes to `platform`. */
export interface KillCase {
  readonly step: StepName;
  readonly platform: PlatformName;
  readonly index: number;
  readonly when: (typeof moments)[number];
  /** Did the undisturbed run change something with it? */
  readonly writes: boolean;
}

export interface CaseResult {
  readonly kill: KillCase;
  /** False when the step made fewer requests this time, so that nothing was killed. */
  readonly reached: boolean;
  /** The request, such as `POST /v13/deployments`. */
  readonly request: string;
  /** What does not hold; empty when all is well. */
  readonly violations: readonly string[];
  readonly ms: number;
}

export interface WalkOptions {
  readonly suiteRoot: string;
  readonly nodePath: string;
  readonly seed: number;
  /** Kills that must have happened. */
  readonly cases: number;
  readonly readLedger: ReadLedger;
  readonly onResult?: (result: CaseResult, done: number, possible: number) => void;
  /** Only kills within these steps; all when empty. */
  readonly steps?: readonly StepName[];
  /** Worlds at the same time; default 1. */
  readonly worlds?: number;
  /** Stops before the next case. */
  readonly signal?: AbortSignal;
}

export interface Walk {
  readonly possible: number;
  readonly results: readonly CaseResult[];
}

/** Lists grow with each case; a new world keeps them as short as a product's. */
const casesPerWorld = 25;

/** What the worlds of one walk share. */
interface Progress {
  readonly options: WalkOptions;
  readonly results: CaseResult[];
  /** Kills in the order they are tried; what was tried goes to the end. Empty until an undisturbed run was measured. */
  queue: KillCase[];
  possible: number;
  /** Cases being played, so that several worlds together play no more than were asked for. */
  underWay: number;
}

/** A case mostly waits for builds and moves, so that several worlds side by side walk faster than one. */
export async function walkKills(options: WalkOptions): Promise<Walk> {
  const walk: Progress = {options, results: [], queue: [], possible: 0, underWay: 0};
  {
    await using world = await openWorld(options.suiteRoot);
    await prepare(walk, groundOf(options, world));
  }
  const ends = await Promise.allSettled(Array.from({length: options.worlds ?? 1}, () => walkOn(walk)));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return {possible: walk.possible, results: walk.results};
}

const groundOf = ({suiteRoot, nodePath}: WalkOptions, world: World): Ground => ({world, suiteRoot, nodePath});

async function prepare(walk: Progress, ground: Ground): Promise<void> {
  const {steps, seed} = walk.options;
  const random = randomFrom(seed);
  const all = casesOf(await measure(ground)).filter(({step}) => !steps?.length || steps.includes(step));
  walk.possible = all.length;
  walk.queue = inTurn(
    shuffled(
      all.filter((one) => one.writes),
      random,
    ),
    shuffled(
      all.filter((one) => !one.writes),
      random,
    ),
  );
}

function enough({results, underWay, options}: Progress): boolean {
  return results.filter((one) => one.reached).length + underWay >= options.cases || options.signal?.aborted === true;
}

async function walkOn(walk: Progress): Promise<void> {
  while (!enough(walk)) {
    await using world = await openWorld(walk.options.suiteRoot);
    for (let i = 0; i < casesPerWorld && !enough(walk); i++) {
      const result = await playNext(walk, groundOf(walk.options, world));
      // What a violation leaves behind must not be taken for the next case's doing.
      if (result.violations.length) break;
    }
  }
}

async function playNext(walk: Progress, ground: Ground): Promise<CaseResult> {
  const kill = walk.queue.shift()!;
  walk.queue.push(kill);
  walk.underWay++;
  try {
    const result = await playCase(ground, kill, walk.options.readLedger);
    walk.results.push(result);
    walk.options.onResult?.(result, walk.results.filter((one) => one.reached).length, walk.possible);
    return result;
  } finally {
    walk.underWay--;
  }
}

function openWorld(suiteRoot: string): Promise<World> {
  return startWorld(join(suiteRoot, '.rehearsal'), {
    github: {hourlyLimit: 100_000, contentPerMinute: 10_000},
    // Long enough that the next run finds a move of the domains still under way.
    vercelDelaysMs: {promoteStart: 300, promoteDone: 2_000},
  });
}

/** For each request of each step: does it write? */
type Requests = Readonly<Record<StepName, Readonly<Record<PlatformName, readonly boolean[]>>>>;

/** Requests of one undisturbed release and rollback; the second one, since the first also uploads what later ones share. */
async function measure(ground: Ground): Promise<Requests> {
  await undisturbed(ground);
  return undisturbed(ground);
}

async function undisturbed(ground: Ground): Promise<Requests> {
  const {world} = ground;
  const commit = await world.product.release('v2');
  const requests: Partial<Record<StepName, Record<PlatformName, boolean[]>>> = {};
  let handed: Partial<Handed> = {};
  for (const step of stepNames) {
    const before = requestsOf(world);
    const end = await startStep(ground, step, commit, handed).done;
    if (end.code !== 0) throw new Error(`the undisturbed ${step} ended with ${end.code}:\n${end.log}`);
    handed = {...handed, ...handedBy(step, end)};
    const since = (platform: PlatformName) => world[platform].requests.slice(before[platform]).map(isWrite);
    requests[step] = {vercel: since('vercel'), railway: since('railway'), github: since('github')};
  }
  await releasePins(world);
  return requests as Requests;
}

function requestsOf(world: World): Record<PlatformName, number> {
  return {
    vercel: world.vercel.requests.length,
    railway: world.railway.requests.length,
    github: world.github.requests.length,
  };
}

function isWrite({method, body}: Recorded): boolean {
  if (method === 'GET') return false;
  const document = (body as {query?: unknown} | undefined)?.query;
  return typeof document !== 'string' || /^\s*mutation\b/m.test(document);
}

function casesOf(requests: Requests): KillCase[] {
  return stepNames.flatMap((step) =>
    platformNames.flatMap((platform) =>
      requests[step][platform].flatMap((writes, index) =>
        moments.map((when) => ({step, platform, index, when, writes})),
      ),
    ),
  );
}

async function playCase(ground: Ground, kill: KillCase, readLedger: ReadLedger): Promise<CaseResult> {
  const startedMs = Date.now();
  const {world} = ground;
  const before = await lookAt(world);
  const {request, ends, killed, unnoticed} = await killedJourney(ground, kill);
  const violations = [
    ...unnoticed,
    ...brokenSteps(ends, killed),
    ...inFlightLeft(world, before.backend),
    ...(await afterwards(world, before)),
    ...(await unreadable(world, readLedger)),
  ];
  await releasePins(world);
  return {kill, reached: killed, request, violations, ms: Date.now() - startedMs};
}

interface NamedEnd {
  readonly step: string;
  readonly end: StepEnd;
}

interface Killed {
  /** The request around which it was killed. */
  readonly request: string;
  readonly ends: readonly NamedEnd[];
  readonly killed: boolean;
  /** What the kill left and nobody would be told of. */
  readonly unnoticed: readonly string[];
}

/** The steps up to the kill, and the ordinary next run. */
async function killedJourney(ground: Ground, kill: KillCase): Promise<Killed> {
  const {world} = ground;
  const commit = await world.product.release('v2');
  const steps: readonly StepName[] = journeys[journeyOf(kill.step)];
  const ends: NamedEnd[] = [];
  let handed: Partial<Handed> = {};
  let request = 'not reached';
  for (const step of steps.slice(0, steps.indexOf(kill.step) + 1)) {
    if (step === kill.step) slowDown(world, kill);
    const started = startStep(ground, step, commit, handed);
    const disarm = step === kill.step ? arm(world, kill, started.kill, (told) => (request = told)) : () => undefined;
    const end = await started.done;
    disarm();
    ends.push({step, end});
    handed = {...handed, ...handedBy(step, end)};
    if (end.code !== 0) break;
  }
  const killed = ends.at(-1)!.end.killed;
  forgetSlowness(world);
  const unnoticed = journeyOf(kill.step) === 'maintenance' ? await unnoticedMaintenance(ground, commit) : [];
  const next = nextRun(kill.step, handed);
  if (next) ends.push({step: 'the next run', end: await startStep(ground, next, commit, handed).done});
  return {request, ends, killed, unnoticed};
}

/** The job that follows a killed one, when the release was opened; an operator who ends the window. */
function nextRun(step: StepName, {ledgerId}: Partial<Handed>): StepName | undefined {
  if (journeyOf(step) === 'maintenance') return 'maintenance-off';
  return ledgerId ? 'rollback' : undefined;
}

/** Users who are kept out must not be kept out unnoticed: the window's status says so, or fails. */
async function unnoticedMaintenance(ground: Ground, commit: string): Promise<string[]> {
  const seen = await maintenanceSeen(ground.world);
  if (!seen.frontend && !seen.backend) return [];
  const status = await startStep(ground, 'maintenance-status', commit, {}).done;
  const noticed = status.code === 1 || status.outputs['state'] === 'on';
  return noticed ? [] : [`users are kept out, and the status says "${status.outputs['state'] ?? 'nothing'}"`];
}

/**
 * The next run must also find what the killed one started still under way, which a rehearsal's builds are too fast for.
 * Every other read goes at the usual pace, so that the requests after the wait are reached too.
 */
function slowDown(world: World, {step, writes, index}: KillCase): void {
  if (!writes && index % 2 === 0) return;
  if (step === 'deploy-backend') world.railway.script.push({kind: 'slow', ms: 6_000, cause: 'deploy'});
  if (step === 'rollback')
    world.railway.script.push({kind: 'stuck', status: 'DEPLOYING', forMs: 6_000, cause: 'rollback'});
}

/** When the kill came before the deployment, the next run's must not be the slow one. */
function forgetSlowness(world: World): void {
  world.railway.script.length = 0;
}

function arm(
  world: World,
  {platform, index, when}: KillCase,
  kill: () => Promise<void>,
  onKill: (request: string) => void,
): () => void {
  const fault: Fault = {
    route: '*',
    skip: index,
    fault: {
      kind: 'disturb',
      when,
      act: (recorded) => {
        onKill(recorded.operation ?? `${recorded.method} ${recorded.path}`);
        return kill();
      },
    },
  };
  const {faults} = world[platform];
  faults.push(fault);
  return () => void faults.splice(faults.indexOf(fault), 1);
}

function brokenSteps(ends: readonly NamedEnd[], killed: boolean): string[] {
  return ends.flatMap(({step, end}, i) => {
    if (end.hung) return [`${step} hung:\n${tailOf(end.log)}`];
    const meant = killed && end.killed && i < ends.length;
    return end.code === 0 || meant ? [] : [`${step} ended with ${end.code}:\n${tailOf(end.log)}`];
  });
}

const tailOf = (log: string) => log.split('\n').slice(-25).join('\n');

/** Waits until nothing moves any more, then compares. */
async function afterwards(world: World, before: Look): Promise<string[]> {
  await standstill(world);
  const now = await servingAtRest(world);
  const kept = await maintenanceSeen(world);
  const {vercel, railway} = madeSince(world, before);
  const commits = (wanted: boolean) => railway.filter((one) => (one.commit === before.backend) === wanted);
  return [
    ...(now.frontend === before.frontend ? [] : [`the frontend is ${now.frontend}, not its anchor ${before.frontend}`]),
    ...(now.backend === before.backend ? [] : [`the backend runs ${now.backend}, not its anchor ${before.backend}`]),
    ...(now.answers ? [] : [`the product does not answer: ${now.answered}`]),
    ...(kept.frontend || kept.backend ? ['users are still kept out by maintenance mode'] : []),
    ...(vercel.length > 1 ? [`${vercel.length} Vercel deployments were made`] : []),
    ...(commits(false).length > 1 ? [`${commits(false).length} Railway deployments of the release were made`] : []),
    ...(commits(true).length > 1 ? [`${commits(true).length} Railway deployments of the anchor were made`] : []),
  ];
}

/** One of each as long as both last: a short walk also kills around the few requests that change something. */
function inTurn<T>(first: readonly T[], second: readonly T[]): T[] {
  const length = Math.max(first.length, second.length);
  return Array.from({length}, (_, i) => [...first.slice(i, i + 1), ...second.slice(i, i + 1)]).flat();
}
