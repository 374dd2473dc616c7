import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {serving} from '../outside.js';
import type {Fault, Recorded} from '../stand-in.js';
import {names, secrets, startWorld, type World} from '../world.js';
import type {StepEnd} from './killable-step.js';
import {type Ground, type Handed, handedBy, type StepName, startStep, stepNames} from './release-steps.js';

/**
 * Kills the acting process around each request that a release and its rollback make, lets one ordinary next run follow,
 * and looks from outside at what is left.
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
  /** Reads the whole ledger by the product's own reader; throws when it cannot. @returns the number of releases. */
  readonly readLedger: (githubUrl: string) => Promise<number>;
  readonly onResult?: (result: CaseResult, done: number, possible: number) => void;
  /** Only kills within this step. */
  readonly step?: StepName | undefined;
  /** Stops before the next case. */
  readonly signal?: AbortSignal;
}

export interface Walk {
  readonly possible: number;
  readonly results: readonly CaseResult[];
}

/** Lists grow with each case; a new world keeps them as short as a product's. */
const casesPerWorld = 25;

export async function walkKills(options: WalkOptions): Promise<Walk> {
  const random = mulberry(options.seed);
  const results: CaseResult[] = [];
  let queue: KillCase[] = [];
  let possible = 0;
  const enough = () => results.filter((one) => one.reached).length >= options.cases || options.signal?.aborted;
  while (!enough()) {
    await using world = await openWorld(options.suiteRoot);
    const ground = {world, suiteRoot: options.suiteRoot, nodePath: options.nodePath};
    if (possible === 0) {
      const all = casesOf(await measure(ground)).filter(({step}) => !options.step || options.step === step);
      possible = all.length;
      queue = inTurn(
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
    for (let i = 0; i < casesPerWorld && !enough(); i++) {
      const kill = queue.shift()!;
      queue.push(kill);
      const result = await playCase(ground, kill, options.readLedger);
      results.push(result);
      options.onResult?.(result, results.filter((one) => one.reached).length, possible);
      // What a violation leaves behind must not be taken for the next case's doing.
      if (result.violations.length) break;
    }
  }
  return {possible, results};
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

async function playCase(ground: Ground, kill: KillCase, readLedger: WalkOptions['readLedger']): Promise<CaseResult> {
  const startedMs = Date.now();
  const {world} = ground;
  const before = await lookAt(world);
  const {request, ends, killed} = await killedRelease(ground, kill);
  const violations = [
    ...brokenSteps(ends, killed),
    ...inFlightLeft(world, before),
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

/** The release up to the kill, and the ordinary next run: the rollback job, when the release was opened. */
async function killedRelease(
  ground: Ground,
  kill: KillCase,
): Promise<{request: string; ends: NamedEnd[]; killed: boolean}> {
  const commit = await ground.world.product.release('v2');
  const ends: NamedEnd[] = [];
  let handed: Partial<Handed> = {};
  let request = 'not reached';
  for (const step of stepNames.slice(0, stepNames.indexOf(kill.step) + 1)) {
    if (step === kill.step) slowDown(ground.world, kill);
    const started = startStep(ground, step, commit, handed);
    const disarm =
      step === kill.step ? arm(ground.world, kill, started.kill, (told) => (request = told)) : () => undefined;
    const end = await started.done;
    disarm();
    ends.push({step, end});
    handed = {...handed, ...handedBy(step, end)};
    if (end.code !== 0) break;
  }
  const killed = ends.at(-1)!.end.killed;
  forgetSlowness(ground.world);
  if (handed.ledgerId) {
    const end = await startStep(ground, 'rollback', commit, handed).done;
    ends.push({step: 'the next run', end});
  }
  return {request, ends, killed};
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

interface Look {
  readonly frontend: string;
  readonly backend: string;
  readonly vercelIds: ReadonlySet<string>;
  readonly railwayIds: ReadonlySet<string>;
}

async function lookAt(world: World): Promise<Look> {
  const {frontend, backend} = await serving(world);
  return {
    frontend,
    backend,
    vercelIds: new Set(world.vercel.state().deployments.map((one) => one.id)),
    railwayIds: new Set(world.railway.state().deployments.map((one) => one.id)),
  };
}

const railwayInFlight = ['QUEUED', 'WAITING', 'NEEDS_APPROVAL', 'INITIALIZING', 'BUILDING', 'DEPLOYING'];

function inFlightLeft(world: World, {backend}: Look): string[] {
  return world.railway
    .state()
    .deployments.filter((one) => railwayInFlight.includes(one.status) && one.commit !== backend)
    .map((one) => `Railway's ${one.id} of commit ${one.commit?.slice(0, 7)} is still ${one.status} and will go live`);
}

/** Waits until nothing moves any more, then compares. */
async function afterwards(world: World, before: Look): Promise<string[]> {
  await Promise.race([world.railway.settled(), sleep(20_000, undefined, {ref: false})]);
  const now = await serving(world);
  const railway = world.railway.state().deployments.filter((one) => !before.railwayIds.has(one.id));
  const vercel = world.vercel.state().deployments.filter((one) => !before.vercelIds.has(one.id));
  const commits = (wanted: boolean) => railway.filter((one) => (one.commit === before.backend) === wanted);
  return [
    ...(now.frontend === before.frontend ? [] : [`the frontend is ${now.frontend}, not its anchor ${before.frontend}`]),
    ...(now.backend === before.backend ? [] : [`the backend runs ${now.backend}, not its anchor ${before.backend}`]),
    ...(now.answers ? [] : ['the product does not answer']),
    ...(vercel.length > 1 ? [`${vercel.length} Vercel deployments were made`] : []),
    ...(commits(false).length > 1 ? [`${commits(false).length} Railway deployments of the release were made`] : []),
    ...(commits(true).length > 1 ? [`${commits(true).length} Railway deployments of the anchor were made`] : []),
  ];
}

/** The product's own reader must find each release that GitHub holds. */
async function unreadable(world: World, read: WalkOptions['readLedger']): Promise<string[]> {
  const held = world.github.deployments('switchback-release').length;
  try {
    const listed = await read(world.github.url);
    return listed === held ? [] : [`the ledger lists ${listed} of ${held} releases`];
  } catch (error) {
    return [`the ledger cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** As an operator does who has found the cause. */
async function releasePins(world: World): Promise<void> {
  for (const pin of world.github.pins()) {
    const answer = await fetch(
      `${world.github.url}/repos/${names.owner}/${names.repository}/deployments/${pin.id}/statuses`,
      {
        method: 'POST',
        headers: {authorization: `Bearer ${secrets.githubToken}`, 'user-agent': 'kill-walk'},
        body: JSON.stringify({state: 'inactive', description: 'released'}),
      },
    );
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`a pin could not be released: ${answer.status}`);
  }
}

/** One of each as long as both last: a short walk also kills around the few requests that change something. */
function inTurn<T>(first: readonly T[], second: readonly T[]): T[] {
  const length = Math.max(first.length, second.length);
  return Array.from({length}, (_, i) => [...first.slice(i, i + 1), ...second.slice(i, i + 1)]).flat();
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const list = [...items];
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}

/** The same seed always gives the same walk. */
function mulberry(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
