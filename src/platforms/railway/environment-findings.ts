import {Failure} from '../../kernel/errors.js';
import type {Finding} from '../platform.js';
import {cleanLine} from './clean.js';
import {platformStatusDocument, volumesDocument} from './documents.js';
import {finding} from './finding.js';
import type {ServiceState} from './service-state.js';
import type {Session} from './session.js';
import type {Target} from './target.js';
import {type Presence, presenceOf} from './variables.js';

// Findings that take a request each; what cannot be read is unknown, never a problem of the service.

export async function variableFindings(
  session: Session,
  target: Target,
  names: readonly string[],
  mask: (value: string) => void,
): Promise<Finding[]> {
  const check = 'required variables';
  if (names.length === 0) return [finding(check, 'ok', 'none are required')];
  return orUnknown(
    check,
    `Check by hand that ${names.join(', ')} are set; use a token that may read them.`,
    async () => {
      const presence = await presenceOf(session, target, names, mask);
      const having = (...kinds: Presence[]) => names.filter((name) => kinds.includes(presence.get(name)!));
      const present = having('present', 'sealed');
      const sealed = having('sealed').join(', ');
      const note = sealed ? ` (sealed, so only their names could be checked: ${sealed})` : '';
      return [
        ...(present.length ? [finding(check, 'ok', `${present.join(', ')}${note}`)] : []),
        ...having('empty').map((name) => lacking(name, 'is set, but renders empty: a reference in it may not resolve')),
        ...having('missing').map((name) => lacking(name, 'is not set')),
      ];
    },
  );
}

function lacking(name: string, found: string): Finding {
  const shown = cleanLine(name, 80);
  return finding(`variable ${shown}`, 'problem', found, `Set ${shown} in the variables of the service.`);
}

export async function capacityFindings(session: Session, target: Target, state: ServiceState): Promise<Finding[]> {
  const replicas = state.replicas === undefined ? [] : [finding('replicas', 'ok', String(state.replicas))];
  const remedy = 'Check on railway.com whether the service has a volume: then each deployment is a short downtime.';
  return [...replicas, ...(await orUnknown('volume', remedy, () => volumeFindings(session, target)))];
}

async function volumeFindings(session: Session, target: Target): Promise<Finding[]> {
  const {environmentId, projectId, serviceId} = target;
  const {environment} = await session.read(volumesDocument, {environmentId, projectId});
  const all = environment.volumeInstances.edges.map((edge) => edge.node);
  const paths = all.filter((one) => one.serviceId === serviceId).map((one) => cleanLine(one.mountPath, 80));
  const found = `the service has a volume (${paths.join(', ')}): each deployment and rollback is a short downtime`;
  const remedy = 'Plan for it, or move the data into the database or a bucket.';
  const volume = paths.length ? [finding('volume', 'warning', found, remedy)] : [];
  const staged = environment.unmergedChangesCount;
  if (!staged) return volume;
  const changes = `${staged} changes of the environment are staged and not applied`;
  const apply = 'Apply or discard them on railway.com before the release.';
  return [...volume, finding('staged changes', 'warning', changes, apply)];
}

export function platformFindings(session: Session): Promise<Finding[]> {
  return orUnknown('platform', 'Look at status.railway.com.', async () => {
    const {platformStatus} = await session.once(platformStatusDocument, {});
    if (platformStatus.isStable && !platformStatus.incident)
      return [finding('platform', 'ok', 'Railway reports no incident')];
    const said = cleanLine(platformStatus.incident?.message ?? 'not stable', 200);
    return [
      finding('platform', 'warning', `Railway reports an incident: ${said}`, 'Consider to wait until it is over.'),
    ];
  });
}

export function quotaFinding(session: Session): Finding {
  const {limit, remaining, windowS} = session.api.limits;
  const check = 'request quota';
  if (limit === undefined && remaining === undefined)
    return finding(check, 'ok', 'Railway announced none (Free 100, Hobby 1,000, Pro 10,000 an hour)');
  const left = remaining === undefined ? '' : `, ${remaining} left`;
  const found = `${limit ?? 'unknown'} requests${windowS ? ` each ${windowS} s` : ''}${left}`;
  if (remaining === undefined || remaining >= 40) return finding(check, 'ok', found);
  return finding(check, 'warning', found, 'Wait for the quota to renew: a release takes about 40 requests.');
}

async function orUnknown(check: string, remedy: string, read: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
    return [finding(check, 'unknown', `could not be read: ${error.message}`, remedy)];
  }
}
