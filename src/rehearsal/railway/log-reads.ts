import type {LogRow, RequestRecord} from './records.js';
import {rowFilter} from './row-filter.js';

/** Windows and limits of log queries. The platform answers up to one row more than asked for; so do we. */

export interface LogWindow {
  readonly startDate?: string | null;
  readonly endDate?: string | null;
  readonly filter?: string | null;
  readonly limit?: number | null;
}

export interface AnchoredWindow {
  readonly filter?: string | null;
  readonly limit?: number | null;
  readonly beforeDate?: string | null;
  readonly beforeLimit?: number | null;
  readonly anchorDate?: string | null;
  readonly afterDate?: string | null;
  readonly afterLimit?: number | null;
}

const defaultLimit = 100;
const maxLimit = 5_000;

/** The newest rows of a window, oldest first. */
export function readLogs(rows: readonly LogRow[], window: LogWindow): LogRow[] {
  const passes = rowFilter(window.filter);
  const from = window.startDate ? Date.parse(window.startDate) : Number.NEGATIVE_INFINITY;
  const to = window.endDate ? Date.parse(window.endDate) : Number.POSITIVE_INFINITY;
  const fits = rows.filter(
    (row) => row.atMs >= from && row.atMs <= to && passes({text: row.message, attributes: attributesOf(row)}),
  );
  return fits.slice(-oneMore(window.limit));
}

/** Rows on both sides of an anchor, oldest first. Without an anchor: the newest. */
export function readAnchored<T extends {readonly atMs: number}>(
  rows: readonly T[],
  window: AnchoredWindow,
  passes: (row: T) => boolean,
): T[] {
  const anchorMs = window.anchorDate ? Date.parse(window.anchorDate) : Number.POSITIVE_INFINITY;
  const fromMs = window.beforeDate ? Date.parse(window.beforeDate) : Number.NEGATIVE_INFINITY;
  const toMs = window.afterDate ? Date.parse(window.afterDate) : Number.POSITIVE_INFINITY;
  const fits = rows.filter((row) => row.atMs >= fromMs && row.atMs <= toMs && passes(row));
  const before = fits.filter((row) => row.atMs <= anchorMs).slice(-oneMore(window.beforeLimit ?? window.limit));
  const after = window.afterLimit ? fits.filter((row) => row.atMs > anchorMs).slice(0, oneMore(window.afterLimit)) : [];
  return [...before, ...after];
}

export function logTest(filter: string | null | undefined): (row: LogRow & {readonly serviceId?: string}) => boolean {
  const passes = rowFilter(filter);
  return (row) =>
    passes({text: row.message, attributes: {...attributesOf(row), ...(row.serviceId ? {service: row.serviceId} : {})}});
}

export function requestTest(filter: string | null | undefined): (row: RequestRecord) => boolean {
  const passes = rowFilter(filter);
  return (row) => passes({text: `${row.method} ${row.path} ${row.status}`, attributes: requestAttributes(row)});
}

function oneMore(limit: number | null | undefined): number {
  return Math.min(limit ?? defaultLimit, maxLimit) + 1;
}

function attributesOf(row: LogRow): Record<string, string> {
  return {
    ...Object.fromEntries(row.attributes.map(({key, value}) => [key, value])),
    level: row.severity,
    deployment: row.deploymentId,
  };
}

function requestAttributes(row: RequestRecord): Record<string, string> {
  return {
    httpStatus: String(row.status),
    method: row.method,
    path: row.path,
    host: row.host,
    totalDuration: String(Math.round(row.durationMs)),
    requestId: row.id,
    srcIp: row.srcIp,
  };
}
