import {Failure} from '../../kernel/errors.js';
import type {Finding} from '../platform.js';
import {cleanLine} from './clean.js';
import {platformStatusDocument, volumesDocument} from './documents.js';
import type {ServiceState} from './service-state.js';
import type {Session} from './session.js';
import type {Target} from './target.js';
import {type Presence, presenceOf} from './variables.js';

/** Findings that take a request each; what cannot be read is unknown, never a problem of the service. */
const area = 'Railway';

export async function variableFindings(
  session: Session,
  target: Target,
  names: readonly string[],
  mask: (value: string) => void,
): Promise<Finding[]> {
  const check = 'required variables';
  if (names.length === 0) return [{area, check, state: 'ok', found: 'none are required'}];
  let presence: Map<string, Presence>;
  try {
    presence = await presenceOf(session, target, names, mask);
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
    return [
      {
        area,
        check,
        state: 'unknown',
        found: `could not be read: ${error.message}`,
        remedy: `Check by hand that ${names.join(', ')} are set; use a token that may read variables.`,
      },
    ];
  }
  const present = names.filter((name) => ['present', 'sealed'].includes(presence.get(name)!));
  const sealed = names.filter((name) => presence.get(name) === 'sealed');
  const note = sealed.length ? ` (sealed, so only their names could be checked: ${sealed.join(', ')})` : '';
  const ok: Finding[] = present.length ? [{area, check, state: 'ok', found: `${present.join(', ')}${note}`}] : [];
  return [...ok, ...names.filter((name) => !present.includes(name)).map((name) => missing(name, presence.get(name)!))];
}

function missing(name: string, presence: Presence): Finding {
  const found = presence === 'empty' ? 'is set, but renders empty: a reference in it may not resolve' : 'is not set';
  return {
    area,
    check: `variable ${cleanLine(name, 80)}`,
    state: 'problem',
    found,
    remedy: `Set ${cleanLine(name, 80)} in the variables of the service.`,
  };
}

export async function capacityFindings(session: Session, target: Target, state: ServiceState): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (state.replicas !== undefined)
    findings.push({area, check: 'replicas', state: 'ok', found: String(state.replicas)});
  try {
    const {environment} = await session.read(volumesDocument, {
      environmentId: target.environmentId,
      projectId: target.projectId,
    });
    const own = environment.volumeInstances.edges
      .map((edge) => edge.node)
      .filter((volume) => volume.serviceId === target.serviceId);
    if (own.length) {
      findings.push({
        area,
        check: 'volume',
        state: 'warning',
        found: `the service has a volume (${own.map((volume) => cleanLine(volume.mountPath, 80)).join(', ')}): each deployment and rollback is a short downtime`,
        remedy: 'Plan for it, or move the data into the database or a bucket.',
      });
    }
    if (environment.unmergedChangesCount) {
      findings.push({
        area,
        check: 'staged changes',
        state: 'warning',
        found: `${environment.unmergedChangesCount} changes of the environment are staged and not applied`,
        remedy: 'Apply or discard them on railway.com before the release.',
      });
    }
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
    findings.push({
      area,
      check: 'volume',
      state: 'unknown',
      found: `could not be read: ${error.message}`,
      remedy: 'Check on railway.com whether the service has a volume: then each deployment is a short downtime.',
    });
  }
  return findings;
}

export async function platformFindings(session: Session): Promise<Finding[]> {
  const check = 'platform';
  try {
    const {platformStatus} = await session.once(platformStatusDocument, {});
    if (platformStatus.isStable && !platformStatus.incident)
      return [{area, check, state: 'ok', found: 'Railway reports no incident'}];
    return [
      {
        area,
        check,
        state: 'warning',
        found: `Railway reports an incident: ${cleanLine(platformStatus.incident?.message ?? 'not stable', 200)}`,
        remedy: 'Consider to wait until it is over.',
      },
    ];
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
    return [
      {
        area,
        check,
        state: 'unknown',
        found: `Railway's own status could not be read: ${cleanLine(error.message, 200)}`,
        remedy: 'Look at status.railway.com.',
      },
    ];
  }
}

export function quotaFinding(session: Session): Finding {
  const {limit, remaining, windowS} = session.api.limits;
  const check = 'request quota';
  if (limit === undefined && remaining === undefined)
    return {area, check, state: 'ok', found: 'Railway announced none (Free 100, Hobby 1,000, Pro 10,000 an hour)'};
  const found = `${limit ?? 'unknown'} requests${windowS ? ` each ${windowS} s` : ''}${remaining === undefined ? '' : `, ${remaining} left`}`;
  if (remaining !== undefined && remaining < 40)
    return {
      area,
      check,
      state: 'warning',
      found,
      remedy: 'Wait for the quota to renew: a release takes about 40 requests.',
    };
  return {area, check, state: 'ok', found};
}
