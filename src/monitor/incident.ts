import type {HistoryEvent} from './history.js';
import type {Condition, Transition} from './judgement.js';
import {shortHash} from './sealed-line.js';

export type Severity = 'critical' | 'warning';

/** One cause as far as is known: services that fell at about the same time. */
export interface Incident {
  readonly id: string;
  /** When it was known. */
  readonly openedMs: number;
  /** When it began, as the probes tell. */
  readonly sinceMs: number;
  readonly closedMs?: number;
  readonly severity: Severity;
  /** Every service that was in it, and whether it still is. */
  readonly services: ReadonlyMap<string, {readonly condition: Condition; readonly sinceMs: number}>;
  readonly flapping: boolean;
  /** About the upkeep, such as a late backup: never one cause with a service that falls. */
  readonly upkeep?: boolean;
  /** What the services answered when it opened. */
  readonly detail?: string;
  /** The release suspected to be the cause, and the one that ended it, by id. */
  readonly suspect?: string;
  readonly notices: readonly Notice[];
}

/** What was said about an incident on one channel. */
export interface Notice {
  readonly channel: string;
  readonly what: 'alert' | 'reminder' | 'escalation' | 'recovery';
  readonly state: 'sending' | 'sent' | 'failed';
  readonly atMs: number;
  /** How bad the incident was when it was said. */
  readonly severity?: Severity;
}

/** A service that falls this soon after another one belongs to the same incident. */
export const groupWindowMs = 300_000;

/**
 * The events that transitions bring about, given the incidents so far. Services that fall together share an incident; a
 * service that gets worse (degraded, then down) stays in its incident and raises its severity.
 */
export function incidentEvents(
  incidents: readonly Incident[],
  transitions: readonly Transition[],
  facts: (service: string) => {
    readonly critical: boolean;
    readonly detail?: string;
    readonly suspect?: string;
    readonly upkeep?: boolean;
  },
): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  let open = incidents.filter((incident) => incident.closedMs === undefined);
  const note = (event: HistoryEvent) => {
    events.push(event);
    open = foldIncidents([...incidentsAsEvents(open), event]).filter((incident) => incident.closedMs === undefined);
  };
  for (const transition of transitions) {
    const {service, to, atMs, sinceMs, flapping} = transition;
    const mine = open.find((incident) => isIn(incident, service));
    if (to === 'up') {
      if (mine) note({type: 'service-up', atMs, id: mine.id, service});
      continue;
    }
    const {critical, detail, suspect, upkeep = false} = facts(service);
    const severity: Severity = to === 'down' && critical ? 'critical' : 'warning';
    const common = {atMs, service, condition: to, sinceMs, severity, flapping};
    const near =
      mine ??
      open.find(
        (incident) => (incident.upkeep ?? false) === upkeep && Math.abs(sinceMs - incident.sinceMs) <= groupWindowMs,
      );
    if (near) note({...common, type: 'service-down', id: near.id});
    else {
      const id = `i-${new Date(sinceMs).toISOString().slice(0, 16).replace(/[-:]/g, '').replace('T', '-')}-${shortHash([service, String(sinceMs)]).slice(-4)}`;
      note({
        ...common,
        type: 'incident',
        id,
        ...(upkeep ? {upkeep} : {}),
        ...(detail ? {detail} : {}),
        ...(suspect ? {suspect} : {}),
      });
    }
  }
  return events;
}

function isIn(incident: Incident, service: string): boolean {
  const there = incident.services.get(service);
  return there !== undefined && there.condition !== 'up';
}

/** All incidents that the events tell of, oldest first; events of unknown types are passed over. */
export function foldIncidents(events: readonly HistoryEvent[]): Incident[] {
  const incidents = new Map<string, MutableIncident>();
  for (const event of events) {
    if (typeof event['id'] !== 'string') continue;
    const incident = incidents.get(event['id']);
    if (event.type === 'incident' && !incident) incidents.set(event['id'], opened(event));
    if (incident) apply(incident, event);
  }
  return [...incidents.values()];
}

interface MutableIncident extends Incident {
  closedMs?: number;
  severity: Severity;
  flapping: boolean;
  suspect?: string;
  readonly services: Map<string, {condition: Condition; sinceMs: number}>;
  readonly notices: Notice[];
}

function opened(event: HistoryEvent): MutableIncident {
  const incident: MutableIncident = {
    id: event['id'] as string,
    openedMs: event.atMs,
    sinceMs: event['sinceMs'] as number,
    severity: event['severity'] as Severity,
    services: new Map(),
    flapping: event['flapping'] === true,
    notices: [],
    ...(event['upkeep'] === true ? {upkeep: true} : {}),
    ...(typeof event['detail'] === 'string' ? {detail: event['detail']} : {}),
    ...(typeof event['suspect'] === 'string' ? {suspect: event['suspect']} : {}),
  };
  join(incident, event);
  return incident;
}

function join(incident: MutableIncident, event: HistoryEvent): void {
  incident.services.set(event['service'] as string, {
    condition: event['condition'] as Condition,
    sinceMs: event['sinceMs'] as number,
  });
  if (event['severity'] === 'critical') incident.severity = 'critical';
  if (event['flapping'] === true) incident.flapping = true;
}

function apply(incident: MutableIncident, event: HistoryEvent): void {
  if (event.type === 'service-down' && incident.closedMs === undefined) join(incident, event);
  if (event.type === 'service-up') {
    const service = incident.services.get(event['service'] as string);
    if (service) service.condition = 'up';
    const allUp = [...incident.services.values()].every(({condition}) => condition === 'up');
    if (allUp && incident.closedMs === undefined) incident.closedMs = event.atMs;
  }
  if (event.type === 'suspect') incident.suspect = event['release'] as string;
  if (event.type === 'notice')
    incident.notices.push({
      channel: event['channel'] as string,
      what: event['what'] as Notice['what'],
      state: event['state'] as Notice['state'],
      atMs: event.atMs,
      ...(typeof event['severity'] === 'string' ? {severity: event['severity'] as Severity} : {}),
    });
}

/** The events that would fold to these incidents again; only what `incidentEvents` needs of them. */
function incidentsAsEvents(incidents: readonly Incident[]): HistoryEvent[] {
  return incidents.flatMap((incident) =>
    [...incident.services].map(([service, {condition, sinceMs}], i) => ({
      type: i === 0 ? 'incident' : 'service-down',
      atMs: incident.openedMs,
      id: incident.id,
      service,
      condition,
      sinceMs: i === 0 ? incident.sinceMs : sinceMs,
      severity: incident.severity,
      flapping: incident.flapping,
      ...(incident.upkeep ? {upkeep: true} : {}),
    })),
  );
}
