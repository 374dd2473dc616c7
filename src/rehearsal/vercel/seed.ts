import type {Tree} from './archive.js';
import type {Edge} from './edge.js';
import {productionValues} from './environment.js';
import type {Deployment, Project, Target} from './records.js';
import {buildSite} from './site.js';
import {generatedHosts, moveProduction, pointAlias, productionHosts} from './traffic.js';
import {newId, type World} from './world.js';

/** A deployment that was there before the story begins. */
export interface Seed {
  /** Id or name. */
  readonly projectId: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly meta?: Readonly<Record<string, string>>;
  /** Default production. */
  readonly target?: Target;
  /** Is it live now? Seeds that are promoted one after the other make the history that rollbacks go back to. */
  readonly promoted: boolean;
  /** Epoch milliseconds; default now. */
  readonly createdAt?: number;
  /** Full SHA of the commit it was built from. */
  readonly commit?: string;
  readonly branch?: string;
  readonly prebuilt?: boolean;
}

export async function seedDeployment(world: World, edge: Edge, project: Project, seed: Seed): Promise<string> {
  const tree: Tree = new Map(
    Object.entries(seed.files).map(([path, content]) => [path, Buffer.from(content as string)]),
  );
  const moment = seed.createdAt ?? world.stamp();
  const id = newId('dpl_');
  const deployment: Deployment = {
    id,
    projectId: project.id,
    name: project.name,
    host: await edge.open(),
    target: seed.target === undefined ? 'production' : seed.target,
    createdAt: moment,
    meta: seed.meta ?? {},
    git: {...(seed.commit ? {commitSha: seed.commit} : {}), commitRef: seed.branch ?? 'main'},
    source: 'cli',
    prebuilt: seed.prebuilt ?? false,
    envNames: [],
    buildEnvNames: [],
    regions: ['iad1'],
    projectSettings: {},
    autoAssign: undefined,
    files: [...tree].map(([file, content]) => ({file, mode: 0o100644, size: (content as Buffer).length})),
    site: await buildSite(tree, {
      prebuilt: seed.prebuilt ?? false,
      config: {},
      build: project.options.build,
      deploymentId: id,
      variables: productionValues(project),
      rootDirectory: project.options.rootDirectory ?? '',
    }),
    outcome: 'ready',
    log: [],
    readyState: 'READY',
    initReadyAt: moment,
    buildingAt: moment,
    ready: moment,
    aliasAssignedAt: moment,
    aliasHosts: [],
    everLive: false,
    healthHits: 0,
  };
  world.deployments.set(deployment.id, deployment);
  place(world, project, deployment, seed.promoted);
  return deployment.id;
}

function place(world: World, project: Project, deployment: Deployment, promoted: boolean): void {
  deployment.aliasHosts = generatedHosts(world, deployment);
  for (const host of deployment.aliasHosts) pointAlias(world, host, deployment);
  if (deployment.target === 'production') deployment.readySubstate = 'STAGED';
  if (!promoted) return;
  moveProduction(world, deployment);
  deployment.aliasHosts.unshift(...productionHosts(project));
}
