import {notAuthorized, refuse} from './access.js';
import {constructionFields} from './construction-writes.js';
import {deployAgain, deployFields, deploymentActions} from './deploy-writes.js';
import type {RootFields} from './graphql.js';
import type {ServiceRecord} from './records.js';
import {inScope, type Scope} from './scope.js';
import {settingFields, type UpdateInput, updateService} from './setting-writes.js';
import {referencesIn, renderVariables} from './variables.js';
import {patchView} from './views.js';
import {
  createBackup,
  deleteBackup,
  lockBackup,
  restoreBackup,
  restoreToTime,
  setSchedules,
  stagePatch,
} from './volumes.js';
import {inBackground, newId, pause, serviceOf, type World} from './world.js';

/** Writes: all root fields, and those of variables, staged changes and volumes. */

export function mutationFields(world: World): RootFields {
  return {
    ...deployFields(world),
    ...deploymentActions(world),
    ...settingFields(world),
    ...constructionFields(world),
    ...variableWrites(world),
    ...patchFields(world),
    ...volumeWrites(world),
  };
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
