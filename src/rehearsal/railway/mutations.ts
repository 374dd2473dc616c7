import {notAuthorized, refuse} from './access.js';
import {branchHead, findCommit} from './commits.js';
import {diagnose, type EdgeRules} from './edge-rules.js';
import type {RootFields} from './graphql.js';
import {endInFlight, isInFlight, restart, retire, serviceOfDeployment, startDeployment, takeDown} from './lifecycle.js';
import {inScope, type Scope, scopedService} from './queries.js';
import type {Cause, DeploymentRecord, ServiceRecord, ServiceSettings, Source} from './records.js';
import {referencesIn, renderVariables} from './variables.js';
import {deploymentView, edgeConfigView, findDeployment, patchView, triggerView} from './views.js';
import {
  createBackup,
  deleteBackup,
  lockBackup,
  restoreBackup,
  restoreToTime,
  setSchedules,
  stagePatch,
} from './volumes.js';
import {canRollback, inBackground, newId, pause, serviceOf, type World} from './world.js';

/** Writes. */

export function mutationFields(world: World): RootFields {
  return {
    ...deployFields(world),
    ...deploymentActions(world),
    ...settingFields(world),
    ...variableWrites(world),
    ...patchFields(world),
    ...volumeWrites(world),
  };
}

function deployFields(world: World): RootFields {
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
  const repo = service.options.repo;
  if (service.source.image && commitSha === undefined) return imageSource(world, service.source.image);
  if (!repo || !service.source.repo)
    throw refuse(commitSha === undefined ? 'Service has no source to deploy' : 'Commit not found', null);
  const wanted = commitSha ?? (latest ? undefined : service.commit);
  const found =
    wanted === undefined ? await branchHead(repo.path, service.trigger.branch) : await findCommit(repo.path, wanted);
  if (!found) throw refuse('Commit not found', null);
  return {kind: 'commit', ...found, repo: service.source.repo, branch: service.trigger.branch};
}

function imageSource(world: World, image: string): Source {
  const digest = world.options.images?.[image]?.digest;
  return {kind: 'image', image, ...(digest ? {digest} : {})};
}

interface ById {
  readonly id: string;
}

function deploymentActions(world: World): RootFields {
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

/** The published input; settings kept by the same name and shape are taken from the record's type. */
interface UpdateInput extends Partial<Pick<ServiceSettings, SameName>> {
  readonly source?: {readonly image?: string | null; readonly repo?: string | null} | null;
  readonly startCommand?: string;
  readonly preDeployCommand?: readonly string[];
  readonly healthcheckTimeout?: number;
  readonly multiRegionConfig?: unknown;
  readonly registryCredentials?: unknown;
}

type SameName =
  | 'healthcheckPath'
  | 'overlapSeconds'
  | 'drainingSeconds'
  | 'numReplicas'
  | 'restartPolicyType'
  | 'restartPolicyMaxRetries'
  | 'sleepApplication'
  | 'watchPatterns'
  | 'rootDirectory';

function settingFields(world: World): RootFields {
  return {
    serviceInstanceUpdate: ({input, ...scope}: Scope & {input: UpdateInput}) => {
      updateService(world, scopedService(world, scope), input);
      return true;
    },
    serviceInstanceAutoDeployUpdate: ({input}: {input: Scope & {enabled: boolean}}) => {
      const service = scopedService(world, input);
      service.autoDeploy = input.enabled;
      return {enabled: service.autoDeploy};
    },
    deploymentTriggerUpdate: ({
      id,
      input,
    }: ById & {input: {branch?: string; checkSuites?: boolean; repository?: string; rootDirectory?: string}}) => {
      const service = world.services.find((candidate) => candidate.trigger.id === id);
      if (!service) throw notAuthorized();
      service.trigger = {...service.trigger, ...given(input)};
      return triggerView(world, service);
    },
    updateServiceEdgeRules: ({input}: {input: Scope & {edgeRules?: EdgeRules | null}}) => {
      const service = scopedService(world, input);
      setEdgeRules(world, service, input.edgeRules ?? null);
      return edgeConfigView(service);
    },
    setServiceUnderAttackMode: ({input}: {input: Scope & {enabled: boolean; durationSeconds?: number | null}}) => {
      const service = scopedService(world, input);
      service.edge.underAttackUntilS = input.enabled
        ? Math.floor(world.now() / 1_000) + (input.durationSeconds ?? 3_600)
        : undefined;
      return edgeConfigView(service);
    },
  };
}

/** Stores and starts nothing. */
function updateService(world: World, service: ServiceRecord, input: UpdateInput): void {
  if (input.numReplicas === 0) throw refuse('Error in numReplicas - Invalid input', 'BAD_USER_INPUT');
  const {
    source,
    startCommand,
    preDeployCommand,
    healthcheckTimeout,
    multiRegionConfig: _regions,
    registryCredentials: _credentials,
    ...rest
  } = given(input);
  if (source?.image) service.source = {image: source.image};
  else if (source?.repo) service.source = {repo: source.repo};
  const {
    healthcheckPath,
    overlapSeconds,
    drainingSeconds,
    numReplicas,
    restartPolicyType,
    restartPolicyMaxRetries,
    sleepApplication,
    watchPatterns,
    rootDirectory,
    ...other
  } = rest;
  const known: Partial<ServiceSettings> = given({
    healthcheckPath,
    overlapSeconds,
    drainingSeconds,
    numReplicas,
    restartPolicyType,
    restartPolicyMaxRetries,
    sleepApplication,
    watchPatterns,
    rootDirectory,
  });
  service.settings = {
    ...service.settings,
    ...known,
    ...(healthcheckTimeout === undefined ? {} : {healthcheckTimeoutS: healthcheckTimeout}),
    ...(startCommand === undefined ? {} : {startCommand: words(startCommand)}),
    ...(preDeployCommand === undefined ? {} : {preDeployCommand: preDeployCommand.flatMap(words)}),
    other: {...service.settings.other, ...other},
  };
  service.updatedAtMs = world.now();
}

function words(command: unknown): string[] {
  return String(command)
    .split(/\s+/)
    .filter((word) => word !== '');
}

function given<T extends object>(input: T): T {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined && value !== null)) as T;
}

/** Replaces the whole set; null clears it. The edge follows a little later. */
function setEdgeRules(world: World, service: ServiceRecord, rules: EdgeRules | null): void {
  const found = rules === null ? [] : diagnose(rules);
  if (found.length > 0)
    throw refuse(
      `Invalid edge rules: ${found.map(({path, message}) => `${path}: ${message}`).join('; ')}`,
      'BAD_USER_INPUT',
    );
  service.edge.rules = rules && {
    version: 1,
    rules: rules.rules.map((rule) => ({...rule, id: rule.id ?? `rul_${newId().replaceAll('-', '').slice(0, 16)}`})),
  };
  inBackground(
    world,
    pause(world, world.delays.edgeRules).then(() => {
      service.edge.inForce = service.edge.rules;
    }),
  );
}

interface VariableScope extends Scope {
  readonly skipDeploys?: boolean | null;
}

function variableWrites(world: World): RootFields {
  const write = (
    scope: VariableScope,
    change: (before: ServiceRecord['variables']) => ServiceRecord['variables'],
    names: readonly string[],
  ) => {
    inScope(world, scope);
    const service = scope.serviceId == null ? undefined : serviceOf(world, scope.serviceId);
    if (service) service.variables = change(service.variables);
    else world.sharedVariables = change(world.sharedVariables);
    if (!scope.skipDeploys)
      for (const touched of service ? [service] : readers(world, names)) deployAgain(world, touched, 'variables');
    return true;
  };
  return {
    variableUpsert: ({input}: {input: VariableScope & {name: string; value: string}}) =>
      write(
        input,
        (before) => ({...before, [input.name]: {value: input.value, sealed: before[input.name]?.sealed ?? false}}),
        [input.name],
      ),
    variableCollectionUpsert: ({
      input,
    }: {
      input: VariableScope & {variables: Record<string, string>; replace?: boolean | null};
    }) =>
      write(
        input,
        (before) => ({
          ...(input.replace ? {} : before),
          ...Object.fromEntries(
            Object.entries(input.variables).map(([name, value]) => [
              name,
              {value, sealed: before[name]?.sealed ?? false},
            ]),
          ),
        }),
        Object.keys(input.variables),
      ),
    variableDelete: ({input}: {input: VariableScope & {name: string}}) =>
      write(input, ({[input.name]: _gone, ...rest}) => rest, [input.name]),
  };
}

/** Services that refer to one of these shared variables. */
function readers(world: World, names: readonly string[]): ServiceRecord[] {
  const shared = names.map((name) => `shared.${name}`);
  return world.services.filter((service) =>
    Object.values(service.variables).some(({value}) =>
      referencesIn(value).some((reference) => shared.includes(reference)),
    ),
  );
}

function deployAgain(world: World, service: ServiceRecord, cause: Cause): void {
  if (service.serving)
    startDeployment(world, {
      service,
      source: service.source.image ? imageSource(world, service.source.image) : service.serving.source,
      cause,
      builds: true,
    });
}

type Patch = Record<string, unknown>;

function patchFields(world: World): RootFields {
  return {
    environmentStageChanges: ({
      environmentId,
      input,
      merge,
    }: {
      environmentId: string;
      input: Patch;
      merge?: boolean | null;
    }) => {
      inScope(world, {environmentId});
      stagePatch(world, input, merge ?? false);
      return patchView(world, world.staged!);
    },
    environmentPatchCommit: ({environmentId, patch}: {environmentId: string; patch?: Patch | null}) => {
      inScope(world, {environmentId});
      applyPatch(world, patch ?? {}, false);
      return newId();
    },
    environmentPatchCommitStaged: ({
      environmentId,
      skipDeploys,
    }: {
      environmentId: string;
      skipDeploys?: boolean | null;
    }) => {
      inScope(world, {environmentId});
      if (!world.staged) throw refuse('No patch to apply', null);
      applyPatch(world, world.staged.patch, skipDeploys ?? false);
      world.staged = undefined;
      return newId();
    },
  };
}

interface ServicePatch {
  readonly source?: UpdateInput['source'];
  readonly variables?: Record<string, {readonly value: string} | null>;
  readonly deploy?: Record<string, unknown>;
  readonly volumeMounts?: Record<string, {readonly mountPath: string}>;
  /** Keyed by application port. */
  readonly networking?: {readonly tcpProxies?: Record<string, unknown>};
}

function applyPatch(world: World, patch: Patch, skipDeploys: boolean): void {
  const services = (patch.services as Record<string, ServicePatch> | undefined) ?? {};
  const shared = (patch.sharedVariables as Record<string, {value: string}> | undefined) ?? {};
  for (const [id, change] of Object.entries(services)) {
    const service = serviceOf(world, id);
    if (!service) throw notAuthorized();
    patchService(world, service, change);
    if (!skipDeploys) deployAgain(world, service, 'patch');
  }
  for (const [name, {value}] of Object.entries(shared)) world.sharedVariables[name] = {value, sealed: false};
}

function patchService(world: World, service: ServiceRecord, change: ServicePatch): void {
  updateService(world, service, {source: change.source, ...(change.deploy as UpdateInput)});
  for (const [name, entry] of Object.entries(change.variables ?? {})) {
    if (entry === null) delete service.variables[name];
    else service.variables[name] = {value: entry.value, sealed: false};
  }
  const mounts = Object.keys(change.volumeMounts ?? {});
  for (const volume of world.volumes) {
    if (mounts.length > 0 && volume.serviceId === service.id) volume.mounted = mounts.includes(volume.volumeId);
  }
  for (const port of Object.keys(change.networking?.tcpProxies ?? {})) openProxy(world, service, Number(port));
}

/** Public access comes with its variable, and only once the proxy is active. */
function openProxy(world: World, service: ServiceRecord, applicationPort: number): void {
  const proxy = {
    domain: 'rehearsal.proxy.rlwy.net',
    proxyPort: 40_000 + world.services.indexOf(service),
    applicationPort,
    syncStatus: 'CREATING',
  };
  service.tcpProxy = proxy;
  const activate = () => {
    proxy.syncStatus = 'ACTIVE';
    const {PGUSER, PGPASSWORD, PGDATABASE} = renderVariables(world, service);
    const url = `postgresql://${PGUSER ?? ''}:${PGPASSWORD ?? ''}@${proxy.domain}:${proxy.proxyPort}/${PGDATABASE ?? ''}`;
    service.variables.DATABASE_PUBLIC_URL = {value: url, sealed: false};
  };
  inBackground(world, pause(world, world.delays.workflow).then(activate));
}

interface BackupArgs {
  readonly volumeInstanceId: string;
  readonly volumeInstanceBackupId: string;
}

function volumeWrites(world: World): RootFields {
  return {
    volumeInstanceBackupCreate: ({volumeInstanceId, name}: {volumeInstanceId: string; name?: string | null}) =>
      createBackup(world, volumeInstanceId, name ?? undefined),
    volumeInstanceBackupRestore: (args: BackupArgs) =>
      restoreBackup(world, args.volumeInstanceId, args.volumeInstanceBackupId),
    volumeInstanceBackupDelete: (args: BackupArgs) =>
      deleteBackup(world, args.volumeInstanceId, args.volumeInstanceBackupId),
    volumeInstanceBackupLock: (args: BackupArgs) =>
      lockBackup(world, args.volumeInstanceId, args.volumeInstanceBackupId),
    volumeInstanceBackupScheduleUpdate: ({volumeInstanceId, kinds}: {volumeInstanceId: string; kinds: string[]}) =>
      setSchedules(world, volumeInstanceId, kinds),
    volumeInstancePITRRestore: ({
      volumeInstanceId,
      newServiceName,
    }: {
      volumeInstanceId: string;
      newServiceName?: string | null;
    }) => restoreToTime(world, volumeInstanceId, newServiceName ?? undefined),
  };
}

/** Deployments of a service that have not ended. */
export function inFlight(world: World, service: ServiceRecord): DeploymentRecord[] {
  return world.deployments.filter((d) => d.serviceId === service.id && isInFlight(d));
}
