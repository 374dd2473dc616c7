import {notAuthorized, refuse} from './access.js';
import type {BackupRecord, VolumeRecord, WorkflowRecord} from './records.js';
import {inBackground, newId, pause, type World} from './world.js';

/** Volume backups: slow work behind a workflow id, and a restore that changes nothing until it is committed. */

/** Only an instance's id counts; a volume's id is refused like a foreign one. */
export function findVolume(world: World, id: string): VolumeRecord {
  const volume = world.volumes.find((candidate) => candidate.id === id);
  if (!volume) throw notAuthorized();
  return volume;
}

/** Reads lag writes: the first polls know nothing of a workflow. */
export function workflowState(world: World, id: string): {status: string; error: string | null} {
  const workflow = world.workflows.find((candidate) => candidate.id === id);
  if (!workflow) return {status: 'NotFound', error: null};
  if (workflow.unseen-- > 0) return {status: 'NotFound', error: null};
  return {status: workflow.status, error: workflow.error ?? null};
}

export function createBackup(world: World, volumeInstanceId: string, name: string | undefined): {workflowId: string} {
  const volume = findVolume(world, volumeInstanceId);
  if (volume.usedMB * 2 > volume.sizeMB)
    throw refuse('Volume is too full to back up: at most 50% may be used', 'BAD_USER_INPUT');
  if (volume.state !== 'READY') throw refuse('Volume is not ready', 'BAD_USER_INPUT');
  return startWorkflow(world, () => {
    const backup: BackupRecord = {
      id: newId(),
      name,
      createdAtMs: world.now(),
      externalId: `external-${newId()}`,
      usedMB: volume.usedMB,
    };
    volume.backups.push(backup);
  });
}

/** Copies into a new volume and stages the swap of mounts; backups newer than the restored one are gone. */
export function restoreBackup(world: World, volumeInstanceId: string, backupId: string): {workflowId: string} {
  const volume = findVolume(world, volumeInstanceId);
  const backup = findBackup(volume, backupId);
  volume.state = 'RESTORING';
  return startWorkflow(world, () => {
    const copy: VolumeRecord = {
      ...volume,
      id: `volume-instance-${newId()}`,
      volumeId: `volume-${newId()}`,
      mounted: false,
      state: 'READY',
      usedMB: backup.usedMB,
      createdAtMs: world.now(),
      backups: [],
      schedules: [],
    };
    world.volumes.push(copy);
    volume.state = 'READY';
    volume.backups = volume.backups.filter(({createdAtMs}) => createdAtMs <= backup.createdAtMs);
    stagePatch(
      world,
      {services: {[volume.serviceId ?? '']: {volumeMounts: {[copy.volumeId]: {mountPath: volume.mountPath}}}}},
      true,
    );
  });
}

export function deleteBackup(world: World, volumeInstanceId: string, backupId: string): {workflowId: string} {
  const volume = findVolume(world, volumeInstanceId);
  const backup = findBackup(volume, backupId);
  return startWorkflow(world, () => {
    volume.backups = volume.backups.filter((candidate) => candidate !== backup);
  });
}

export function lockBackup(world: World, volumeInstanceId: string, backupId: string): true {
  findBackup(findVolume(world, volumeInstanceId), backupId).expiresAtMs = undefined;
  return true;
}

export function setSchedules(world: World, volumeInstanceId: string, kinds: readonly string[]): true {
  findVolume(world, volumeInstanceId).schedules = kinds.map((kind) => ({
    id: `schedule-${kind.toLowerCase()}`,
    kind,
    createdAtMs: world.now(),
  }));
  return true;
}

/** A sibling service appears beside the source, which stays untouched. */
export function restoreToTime(
  world: World,
  volumeInstanceId: string,
  newServiceName: string | undefined,
): {workflowId: string} {
  const source = world.services.find((service) => service.id === findVolume(world, volumeInstanceId).serviceId);
  if (!source) throw notAuthorized();
  return startWorkflow(world, () => {
    const stamp = new Date(world.now()).toISOString().replace(/[-:]/g, '').slice(0, 13).replace('T', '-');
    const id = newId();
    world.services.push({
      ...source,
      id,
      name: newServiceName ?? `${source.name}-restored-${stamp}`,
      instanceId: `instance-${id}`,
      serving: undefined,
      latest: undefined,
      requests: [],
    });
  });
}

/** Adds to what is staged; there is one staged patch per environment, whoever made it. */
export function stagePatch(world: World, patch: Record<string, unknown>, merge: boolean): void {
  const nowMs = world.now();
  const before = world.staged ?? {
    id: newId(),
    patch: {},
    status: 'STAGED' as const,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  world.staged = {...before, updatedAtMs: nowMs, patch: merge ? merged(before.patch, patch) : patch};
}

function merged(a: Record<string, unknown>, b: Record<string, unknown>): Record<string, unknown> {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const joined = Object.entries(b).map(([key, value]): [string, unknown] => [
    key,
    isObject(value) && isObject(a[key]) ? merged(a[key], value) : value,
  ]);
  return {...a, ...Object.fromEntries(joined)};
}

function findBackup(volume: VolumeRecord, id: string): BackupRecord {
  const backup = volume.backups.find((candidate) => candidate.id === id);
  if (!backup) throw notAuthorized();
  return backup;
}

function startWorkflow(world: World, finish: () => void): {workflowId: string} {
  const workflow: WorkflowRecord = {id: newId(), unseen: 1, status: 'Running'};
  world.workflows.push(workflow);
  inBackground(world, work(world, workflow, finish));
  return {workflowId: workflow.id};
}

async function work(world: World, workflow: WorkflowRecord, finish: () => void): Promise<void> {
  await pause(world, world.delays.workflow);
  // An error scripted by a test ends the workflow without its effect.
  if (workflow.error !== undefined) {
    workflow.status = 'Error';
    return;
  }
  finish();
  workflow.status = 'Complete';
}
