import type {AlertSeverity, NoticeKind} from './message.js';

/** An incident as the alerts see it. */
export interface Subject {
  readonly id: string;
  readonly openedMs: number;
  readonly closedMs?: number | undefined;
  readonly severity: AlertSeverity;
  /** `frontend`, `backend`, `database`. */
  readonly components: readonly string[];
  readonly notices: ReadonlyArray<{
    readonly channel: string;
    readonly what: NoticeKind;
    readonly state: 'sending' | 'sent' | 'failed';
    readonly atMs: number;
    readonly severity?: AlertSeverity;
  }>;
}

export interface Route {
  readonly channel: string;
  /** The least severe that is said here. */
  readonly from: AlertSeverity;
  /** Only incidents of these components; empty: of any. */
  readonly components: readonly string[];
  /** Only when an incident is still open after this time: an escalation. */
  readonly afterMs: number;
  /** While open, said again this often; 0: never. */
  readonly remindEveryMs: number;
  /** Less than critical is kept back between these times of day. */
  readonly quiet?: QuietHours;
}

export interface QuietHours {
  /** Minutes since midnight; `from` may be later than `to`, across midnight. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** IANA name. */
  readonly timeZone: string;
}

/** A span in which nothing is said about some components: maintenance. */
export interface Mute {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Empty: all. */
  readonly components: readonly string[];
}

export interface Due {
  readonly subject: Subject;
  readonly route: Route;
  readonly what: 'alert' | 'reminder' | 'escalation' | 'recovery';
  /** The same for the same thing said to the same channel, so that a repeat after a kill is known as one. */
  readonly deliveryId: string;
}

const firstPauseMs = 60_000;
const longestPauseMs = 3_600_000;

const rank: Readonly<Record<AlertSeverity, number>> = {info: 0, warning: 1, critical: 2};

/**
 * What has to be said now, by the notices that were noted: one alert and one recovery an incident and channel, reminders
 * between them, and an escalation when it became worse than what was said. A recovery is said exactly where the alert was. What was being said when a run was killed is said again
 * with the same delivery id.
 */
export function dueNotices(
  subjects: readonly Subject[],
  routes: readonly Route[],
  nowMs: number,
  mutes: readonly Mute[] = [],
): Due[] {
  return subjects.flatMap((subject) => {
    // Several routes may lead to one channel, which hears it once.
    const byChannel = new Map<string, Due>();
    for (const route of routes) {
      const what = byChannel.has(route.channel) ? undefined : whatIsDue(subject, route, nowMs, mutes);
      if (!what) continue;
      const count = subject.notices.filter(
        (notice) => notice.channel === route.channel && notice.what === what && notice.state === 'sent',
      ).length;
      const deliveryId = `${subject.id}.${route.channel}.${what}.${count + 1}`;
      byChannel.set(route.channel, {subject, route, what, deliveryId});
    }
    return [...byChannel.values()];
  });
}

function whatIsDue(subject: Subject, route: Route, nowMs: number, mutes: readonly Mute[]): Due['what'] | undefined {
  const sent = subject.notices.filter((notice) => notice.channel === route.channel && notice.state === 'sent');
  if (isTriedEnough(subject, route.channel, nowMs)) return undefined;
  const alerted = sent.some(({what}) => what === 'alert' || what === 'escalation');
  if (subject.closedMs !== undefined)
    return alerted && !sent.some(({what}) => what === 'recovery') ? 'recovery' : undefined;
  if (!concerns(route, subject) || isMuted(subject, mutes, nowMs) || isQuiet(route, subject.severity, nowMs))
    return undefined;
  if (!alerted) {
    if (nowMs - subject.openedMs < route.afterMs) return undefined;
    return route.afterMs > 0 ? 'escalation' : 'alert';
  }
  if (sent.every((notice) => notice.severity && rank[notice.severity] < rank[subject.severity])) return 'escalation';
  const lastMs = Math.max(...sent.map(({atMs}) => atMs));
  return route.remindEveryMs > 0 && nowMs - lastMs >= route.remindEveryMs ? 'reminder' : undefined;
}

/**
 * A channel that fails is tried again later and later, up to once an hour: each try takes time that the next round
 * needs, and another channel was told already.
 */
function isTriedEnough({notices}: Subject, channel: string, nowMs: number): boolean {
  const mine = notices.filter((notice) => notice.channel === channel && notice.state !== 'sending');
  const lastSent = mine.findLastIndex(({state}) => state === 'sent');
  const failures = mine.slice(lastSent + 1);
  const last = failures.at(-1);
  if (!last) return false;
  return nowMs - last.atMs < Math.min(longestPauseMs, firstPauseMs * 2 ** (failures.length - 1));
}

function concerns(route: Route, subject: Subject): boolean {
  return (
    rank[subject.severity] >= rank[route.from] &&
    (route.components.length === 0 || subject.components.some((component) => route.components.includes(component)))
  );
}

function isMuted(subject: Subject, mutes: readonly Mute[], nowMs: number): boolean {
  return mutes.some(
    ({fromMs, untilMs, components}) =>
      nowMs >= fromMs &&
      nowMs < untilMs &&
      (components.length === 0 || subject.components.every((component) => components.includes(component))),
  );
}

function isQuiet({quiet}: Route, severity: AlertSeverity, nowMs: number): boolean {
  if (!quiet || severity === 'critical') return false;
  const minute = minuteOfDay(nowMs, quiet.timeZone);
  const {fromMinute, toMinute} = quiet;
  return fromMinute <= toMinute ? minute >= fromMinute && minute < toMinute : minute >= fromMinute || minute < toMinute;
}

function minuteOfDay(atMs: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', {timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23'})
    .formatToParts(atMs)
    .map(({value}) => Number(value));
  return parts[0]! * 60 + parts[2]!;
}
