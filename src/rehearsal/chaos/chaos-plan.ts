import type {VersionName} from '../product/product.js';
import type {Fault, FaultKind} from '../stand-in.js';
import {oneOf, randomFrom} from './random.js';

/** What happens to one release: decided by its seed alone, so that the seed plays the same case again. */
export interface ChaosPlan {
  readonly seed: number;
  readonly version: VersionName;
  readonly faults: ReadonlyArray<{readonly standIn: Disturbed; readonly fault: Fault}>;
  readonly kill: Kill | undefined;
}

export type Disturbed = 'vercel' | 'railway' | 'github' | 's3';

export interface Kill {
  readonly how: 'SIGTERM' | 'SIGKILL' | 'lost runner' | 'cancel';
  readonly job: string;
  readonly step: string;
  /** After the step began. */
  readonly afterMs: number;
}

/** Good releases more often: most of what can go wrong goes wrong on their long way. */
const versions = ['v2', 'v2', 'v2', 'bad-frontend', 'bad-backend', 'bad-after-promotion'] as const;

/** Roughly how many requests a release makes to each: faults fall anywhere among them. */
const requests: Readonly<Record<Disturbed, number>> = {vercel: 40, railway: 45, github: 40, s3: 12};

/** The requests that change something are hit more often than their number would have it. */
const writes: Readonly<Record<Disturbed, readonly [string, ...string[]]>> = {
  vercel: ['POST /v13/deployments', 'POST /v10/projects/*/promote/*', 'POST /*/projects/*/rollback/*'],
  railway: ['serviceInstanceDeployV2', 'deploymentRollback'],
  github: ['POST /repos/*/deployments', 'POST /repos/*/deployments/*/statuses'],
  s3: ['PUT /*'],
};

/** `rollback` runs in a job of its own too, which is the one that nobody follows. */
const moments = [
  ['prepare', 'preflight'],
  ['backup', 'backup'],
  ['stage', 'frontend'],
  ['ship', 'backend'],
  ['ship', 'candidate'],
  ['ship', 'promote'],
  ['ship', 'watch'],
  ['ship', 'rollback'],
  ['rollback', 'rollback'],
] as const;

export function chaosPlan(seed: number): ChaosPlan {
  const random = randomFrom(seed);
  const wanted = oneOf(versions, random);
  const faults = Array.from({length: Math.floor(random() * 4)}, () => chooseFault(random));
  // Without faults there is always a kill: an undisturbed release proves nothing here.
  const kill = faults.length === 0 || random() < 0.6 ? chooseKill(random) : undefined;
  // A kill of the way back needs a release that takes it.
  const version = kill?.step === 'rollback' && wanted === 'v2' ? 'bad-after-promotion' : wanted;
  return {seed, version, faults, kill};
}

function chooseFault(random: () => number): ChaosPlan['faults'][number] {
  const standIn = oneOf(['vercel', 'vercel', 'railway', 'railway', 'github', 's3'], random);
  const times = oneOf([1, 1, 2, 3, 12], random);
  const fault = chooseKind(random);
  if (random() < 0.5) return {standIn, fault: {route: oneOf(writes[standIn], random), times, fault}};
  return {standIn, fault: {route: '*', skip: Math.floor(random() * requests[standIn]), times, fault}};
}

function chooseKind(random: () => number): FaultKind {
  const kind = oneOf(['status', 'status', 'delay', 'close-before', 'close-after', 'close-after'], random);
  if (kind === 'delay') return {kind, ms: 200 + Math.floor(random() * 2_800)};
  if (kind !== 'status') return {kind};
  const status = oneOf([429, 500, 502, 503], random);
  return {
    kind,
    status,
    ...(status === 429 && {headers: {'retry-after': '1'}}),
    body: status === 502 ? '<html>Bad gateway</html>' : '',
  };
}

function chooseKill(random: () => number): Kill {
  const how = oneOf(['SIGTERM', 'SIGKILL', 'lost runner', 'cancel'], random);
  const [job, step] = oneOf(moments, random);
  return {how, job, step, afterMs: Math.floor(random() ** 2 * 4_000)};
}

/** For people, in one line. */
export function describePlan({version, faults, kill}: ChaosPlan): string {
  return [
    version,
    ...faults.map(({standIn, fault}) => `${standIn} ${routeOf(fault)} = ${kindOf(fault.fault)}${timesOf(fault)}`),
    ...(kill ? [`${kill.how} ${kill.afterMs} ms into ${kill.job} / ${kill.step}`] : []),
  ].join('; ');
}

const routeOf = ({route, skip}: Fault) => (skip === undefined ? route : `request ${skip + 1}`);
const timesOf = ({times}: Fault) => ((times ?? 1) > 1 ? ` (${times} times)` : '');

function kindOf(kind: FaultKind): string {
  if (kind.kind === 'status') return String(kind.status);
  return kind.kind === 'delay' ? `${kind.ms} ms late` : kind.kind;
}
