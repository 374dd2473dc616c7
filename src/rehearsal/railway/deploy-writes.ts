import {refuse} from './access.js';
import {branchHead, findCommit} from './commits.js';
import type {RootFields} from './graphql.js';
import {restart, takeDown} from './instance.js';
import {retire, serviceOfDeployment, startDeployment} from './lifecycle.js';
import type {Cause, DeploymentRecord, ServiceRecord, Source} from './records.js';
import {type Scope, scopedService} from './scope.js';
import {endInFlight} from './status.js';
import {deploymentView, findDeployment} from './views.js';
import {canRollback, newId, repositoryOf, type World} from './world.js';

/** Writes that make, repeat, stop or end deployments. */

export function deployFields(world: World): RootFields {
  const deploy = async (args: Scope & {commitSha?: string | null; latestCommit?: boolean | null}) => {
    const service = scopedService(world, args);
    const source = await sourceFor(world, service, args.commitSha ?? undefined, args.latestCommit ?? false);
    return startDeployment(world, {service, source, cause: 'deploy', builds: true})?.id ?? newId();
  };
  return {
    serviceInstanceDeployV2: deploy,
    serviceInstanceDeploy: async (args: Scope & {commitSha?: string | null; latestCommit?: boolean | null}) => {
      await deploy(args);
      return true;
    },
    serviceInstanceRedeploy: (args: Scope) => {
      const service = scopedService(world, args);
      // Repeats what is there: a source that was changed meanwhile is ignored.
      if (!service.serving) throw refuse('Deployment not found', null);
      startDeployment(world, {service, source: service.serving.source, cause: 'redeploy', builds: true});
      return true;
    },
    environmentTriggersDeploy: async ({input}: {input: Scope}) => {
      await deploy({...input, latestCommit: true});
      return true;
    },
  };
}

/** What a deploy builds: the given commit, the branch head, the service's image, or the commit it had last. */
async function sourceFor(
  world: World,
  service: ServiceRecord,
  commitSha: string | undefined,
  latest: boolean,
): Promise<Source> {
  const repo = repositoryOf(world, service);
  if (service.source.image && commitSha === undefined) return imageSource(world, service.source.image);
  if (!repo || !service.source.repo)
    throw refuse(commitSha === undefined ? 'Service has no source to deploy' : 'Commit not found', null);
  const wanted = commitSha ?? (latest ? undefined : service.commit);
  const found =
    wanted === undefined
      ? await branchHead(repo.path, service.trigger.branch || repo.branch)
      : await findCommit(repo.path, wanted);
  if (!found) throw refuse('Commit not found', null);
  return {kind: 'commit', ...found, repo: service.source.repo, branch: service.trigger.branch || repo.branch};
}

function imageSource(world: World, image: string): Source {
  const digest = world.options.images?.[image]?.digest;
  return {kind: 'image', image, ...(digest ? {digest} : {})};
}

interface ById {
  readonly id: string;
}

export function deploymentActions(world: World): RootFields {
  return {
    deploymentRollback: ({id}: ById) => rollBack(world, findDeployment(world, id)),
    deploymentRedeploy: ({id, usePreviousImageTag}: ById & {usePreviousImageTag?: boolean | null}) =>
      redeploy(world, findDeployment(world, id), usePreviousImageTag ?? false),
    deploymentRestart: async ({id}: ById) => {
      const d = findDeployment(world, id);
      if (!['SUCCESS', 'CRASHED'].includes(d.status)) throw refuse('Deployment is not restartable', null);
      await restart(world, serviceOfDeployment(world, d), d);
      return true;
    },
    deploymentStop: async ({id}: ById) => {
      const d = findDeployment(world, id);
      if (!['SUCCESS', 'CRASHED'].includes(d.status)) throw refuse('Deployment is not stoppable', null);
      await takeDown(d);
      for (const instance of d.instances) instance.status = 'EXITED';
      return true;
    },
    deploymentRemove: async ({id}: ById) => {
      const d = findDeployment(world, id);
      if (!endInFlight(d, 'REMOVED', 'Removed')) await retire(world, d, 0);
      return true;
    },
    deploymentCancel: ({id}: ById) => {
      if (!endInFlight(findDeployment(world, id), world.answers.cancelLeaves, 'Cancelled'))
        throw refuse('Deployment is not cancellable', null);
      return true;
    },
    deploymentApprove: ({id}: ById) => {
      const d = findDeployment(world, id);
      if (d.status !== 'NEEDS_APPROVAL' || !d.release) throw refuse('Deployment does not need approval', null);
      d.release('go');
      return true;
    },
  };
}

/** Answers `true` and no more: the new deployment appears a little later, under an id of its own. */
function rollBack(world: World, target: DeploymentRecord): true {
  if (!canRollback(world, target)) throw refuse('Deployment cannot be rolled back to', 'BAD_USER_INPUT');
  const service = serviceOfDeployment(world, target);
  if (world.answers.rollbackRewritesVariables) service.variables = structuredClone({...target.variables});
  startDeployment(world, {
    service,
    source: target.source,
    cause: 'rollback',
    builds: false,
    files: target.files,
    variables: target.variables,
    settings: target.settings,
    appearsInMs: world.delays.rollbackAppears,
  });
  return true;
}

function redeploy(world: World, old: DeploymentRecord, keepsImage: boolean): Record<string, unknown> {
  if (keepsImage && !canRollback(world, old)) throw refuse('Deployment image is no longer available', 'BAD_USER_INPUT');
  const service = serviceOfDeployment(world, old);
  const made = startDeployment(world, {
    service,
    source: old.source,
    cause: 'redeploy',
    builds: !keepsImage,
    ...(keepsImage ? {files: old.files} : {}),
  });
  return deploymentView(world, made ?? old);
}

export function deployAgain(world: World, service: ServiceRecord, cause: Cause): void {
  if (service.serving)
    startDeployment(world, {
      service,
      source: service.source.image ? imageSource(world, service.source.image) : service.serving.source,
      cause,
      builds: true,
    });
}
