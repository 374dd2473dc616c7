import {join} from 'node:path';
import {names, secrets, type World} from '../world.js';
import {type KillableStep, type StepEnd, startKillableStep} from './killable-step.js';

/** What is walked from its first step on: a release with its way back, and a maintenance window. */
export const journeys = {
  /** The steps that change something, in their order, and the way back. */
  release: ['preflight', 'deploy-frontend', 'deploy-backend', 'promote', 'rollback'],
  maintenance: ['maintenance-on', 'maintenance-off'],
} as const;
export type Journey = keyof typeof journeys;
export type StepName = (typeof journeys)[Journey][number];

export const stepNames: readonly StepName[] = [...journeys.release, ...journeys.maintenance];

/** Steps that change nothing, or gate as well. */
export type OtherStep = 'maintenance-status' | 'watch' | 'way-back';

export function journeyOf(step: StepName): Journey {
  return (journeys.maintenance as readonly StepName[]).includes(step) ? 'maintenance' : 'release';
}

/** What later steps are told by earlier ones, as the workflow passes it on. */
export interface Handed {
  readonly release: string;
  readonly ledgerId: string;
  readonly frontend: string;
  readonly backend: string;
}

export interface Ground {
  readonly world: World;
  /** Folder that holds `actions/<name>/dist/index.js`. */
  readonly suiteRoot: string;
  readonly nodePath: string;
}

/** Steps that are not called like their action. */
const others: Readonly<Record<string, string>> = {watch: 'health-gate', 'way-back': 'rollback'};

/** A step that takes longer than this hangs. */
const boundMs = 300_000;

/** Starts one step with the inputs that its workflow gives it; the gate is left out, it changes nothing. */
export function startStep(
  ground: Ground,
  step: StepName | OtherStep,
  commit: string,
  handed: Partial<Handed>,
): KillableStep {
  const {world, suiteRoot, nodePath} = ground;
  const action = others[step] ?? step.replace(/^(deploy|maintenance)-.*/, '$1');
  return startKillableStep({
    bundle: join(suiteRoot, 'actions', action, 'dist', 'index.js'),
    nodePath,
    workspace: world.product.dir,
    inputs: {...common(world, commit), ...known(handed), ...own(step, handed)},
    env: {
      GITHUB_REPOSITORY: `${names.owner}/${names.repository}`,
      GITHUB_REPOSITORY_OWNER: names.owner,
      GITHUB_SHA: commit,
      GITHUB_REF: 'refs/heads/main',
      GITHUB_API_URL: world.github.url,
      GITHUB_SERVER_URL: world.github.url,
      GITHUB_RUN_ID: '1',
      GITHUB_ACTOR: 'rehearsal',
    },
    boundMs,
  });
}

/** What a finished step hands on. */
export function handedBy(step: StepName, {outputs}: StepEnd): Partial<Handed> {
  if (step === 'preflight') return {release: outputs['release'] ?? '', ledgerId: outputs['ledger-id'] ?? ''};
  if (step === 'deploy-frontend') return {frontend: outputs['deployment-id'] ?? ''};
  if (step === 'deploy-backend') return {backend: outputs['deployment-id'] ?? ''};
  return {};
}

function common(world: World, commit: string): Record<string, string> {
  return {
    'github-token': secrets.githubToken,
    'vercel-token': secrets.vercelToken,
    'railway-token': secrets.railwayToken,
    'database-url': world.databaseUrl,
    'storage-access-key-id': secrets.accessKeyId,
    'storage-secret-access-key': secrets.secretAccessKey,
    commit,
  };
}

function known({release, ledgerId}: Partial<Handed>): Record<string, string> {
  return {...(release && {release}), ...(ledgerId && {'ledger-id': ledgerId})};
}

function own(step: StepName | OtherStep, {frontend, backend}: Partial<Handed>): Record<string, string> {
  const inputs: Record<typeof step, Record<string, string>> = {
    preflight: {'open-release': 'true', components: 'frontend,backend'},
    'deploy-frontend': {component: 'frontend'},
    'deploy-backend': {component: 'backend', timeout: '3m'},
    promote: {'frontend-deployment': frontend ?? '', 'backend-deployment': backend ?? ''},
    rollback: {to: 'anchor', gate: 'false'},
    'maintenance-on': {mode: 'on', reason: 'rehearsed', for: '1h'},
    'maintenance-off': {mode: 'off', reason: 'rehearsed'},
    'maintenance-status': {mode: 'status', reason: 'rehearsed'},
    watch: {stage: 'live', 'fail-on': 'fail'},
    'way-back': {to: 'anchor'},
  };
  return inputs[step];
}
