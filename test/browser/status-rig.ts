import {existsSync} from 'node:fs';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {brotliCompressSync} from 'node:zlib';
import {type Browser, chromium} from 'playwright-core';
import {freshnessOf, remainingOf} from '../../src/monitor/freshness.js';
import {History} from '../../src/monitor/history.js';
import {memoryFiles} from '../../src/monitor/history-files.js';
import type {Incident} from '../../src/monitor/incident.js';
import {writeSampleHistory} from '../../src/monitor/sample-history.js';
import {makeSnapshot, type Snapshot} from '../../src/monitor/snapshot.js';
import {writePage} from '../../src/status/write-page.js';

const executable = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'].find((path) =>
  existsSync(path),
);

/** Why the browser tests are left out here; undefined when they run. */
export const missingBrowser = executable ? undefined : 'no Chromium on this machine (apt-get install chromium)';

export async function startBrowser(): Promise<{browser: Browser; close(): Promise<void>}> {
  const browser = await chromium.launch({
    executablePath: executable!,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  return {browser, close: () => browser.close()};
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
export const twenty = [
  'checkout',
  'home page',
  'search',
  'sign in',
  'items',
  'basket',
  'payments',
  'invoices',
  'mail',
  'images',
  'api',
  'webhooks',
  'admin',
  'reports',
  'login',
  'profile',
  'feeds',
  'export',
  'import',
  'database',
];

export interface SampleOptions {
  readonly services?: readonly string[];
  readonly nowMs?: number;
  readonly down?: boolean;
  readonly everyMs?: number;
}

/** A year of a product that had its troubles. */
export async function sampleSnapshot(options: SampleOptions = {}): Promise<Snapshot> {
  const services = options.services ?? twenty;
  const nowMs = options.nowMs ?? Date.now() - 30_000;
  const history = new History(memoryFiles(), {
    keepRoundsMs: 4 * dayMs,
    keepMinutesMs: 8 * dayMs,
    keepHoursMs: 400 * dayMs,
    maxGapMs: hourMs,
  });
  const outages = [
    {service: services[0]!, daysAgo: 33.4, lastsMs: 2.4 * hourMs, rate: 1},
    {service: services[1 % services.length]!, daysAgo: 12.2, lastsMs: 0.7 * hourMs, rate: 0.6},
    {service: services[2 % services.length]!, daysAgo: 61.7, lastsMs: 5 * hourMs, rate: 0.2},
    ...(options.down ? [{service: services[0]!, daysAgo: 0.5 / 24, lastsMs: hourMs, rate: 1}] : []),
  ];
  await writeSampleHistory(history, {
    services,
    nowMs,
    days: 364,
    everyMs: options.everyMs ?? 3_600_000,
    seed: 7,
    outages,
    gaps: [
      {daysAgo: 45.2, lastsMs: 2.6 * dayMs},
      {daysAgo: 20, lastsMs: 9 * hourMs},
    ],
  });
  return makeSnapshot(history, {
    product: 'shop',
    nowMs,
    intervalMs: 300_000,
    refreshMs: 600_000,
    lastRoundMs: nowMs,
    objective: 0.999,
    windowMs: 30 * dayMs,
    services: services.map((name, i) => ({
      name,
      component: i % 3 === 0 ? 'backend' : 'frontend',
      critical: true,
      condition: options.down && i === 0 ? ('down' as const) : ('up' as const),
      flapping: false,
      ...(options.down && i === 0 ? {detail: 'expected status 200 to 299, got 503'} : {}),
      ...(i === 0 ? {maxLatencyMs: 400} : {}),
    })),
    incidents: incidentsOf(services, nowMs, options.down ?? false),
    releases: [
      {
        id: 'r-20261123-101500-8c1f2ab',
        commit: '8c1f2ab'.padEnd(40, '0'),
        atMs: nowMs - 0.9 * hourMs,
        state: options.down ? 'promoted' : 'good',
      },
      {id: 'r-20261121-164210-51d09ce', commit: '51d09ce'.padEnd(40, '0'), atMs: nowMs - 2 * dayMs, state: 'good'},
      {
        id: 'r-20261111-090200-77aa310',
        commit: '77aa310'.padEnd(40, '0'),
        atMs: nowMs - 12.21 * dayMs,
        state: 'rolled-back',
      },
    ],
    freshness: [
      freshnessOf({name: 'backup age', lastMs: nowMs - 9 * hourMs, maxAgeMs: 26 * hourMs}, nowMs),
      freshnessOf({name: 'restore drill age', lastMs: nowMs - 3.1 * dayMs, maxAgeMs: 8 * dayMs}, nowMs),
      remainingOf('certificate of shop.example', nowMs + 63 * dayMs, 14, nowMs),
      {
        name: 'rollback readiness',
        state: 'fresh',
        shown: 'ready',
        limit: 'both sides, without a build',
        sentence: 'rollback readiness: from r-20261123-101500-8c1f2ab in one step',
      },
    ],
  });
}

function incidentsOf(services: readonly string[], nowMs: number, down: boolean): Incident[] {
  const incident = (
    id: string,
    service: string,
    daysAgo: number,
    lastsMs: number | undefined,
    suspect?: string,
  ): Incident => ({
    id,
    sinceMs: nowMs - daysAgo * dayMs,
    openedMs: nowMs - daysAgo * dayMs + 120_000,
    severity: 'critical',
    services: new Map([
      [service, {condition: lastsMs === undefined ? 'down' : 'up', sinceMs: nowMs - daysAgo * dayMs}],
    ]),
    flapping: false,
    notices: [],
    ...(lastsMs === undefined
      ? {detail: 'expected status 200 to 299, got 503'}
      : {closedMs: nowMs - daysAgo * dayMs + lastsMs}),
    ...(suspect ? {suspect} : {}),
  });
  return [
    incident('i-1', services[2 % services.length]!, 61.7, 5 * hourMs),
    incident('i-2', services[0]!, 33.4, 2.4 * hourMs),
    incident('i-3', services[1 % services.length]!, 12.2, 0.7 * hourMs, 'r-20261111-090200-77aa310'),
    ...(down ? [incident('i-4', services[0]!, 0.5 / 24, undefined, 'r-20261123-101500-8c1f2ab')] : []),
  ];
}

export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly folder: string;
  /** Path to bytes as sent, compressed. */
  readonly sent: Map<string, number>;
}

const types: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css',
  js: 'text/javascript',
  json: 'application/json',
};

/** Writes the page into a folder and serves that folder, compressed, as GitHub Pages does. */
export async function servePage(snapshot: Snapshot): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'status-page-'));
  await writePage(folder, snapshot);
  const sent = new Map<string, number>();
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://page.invalid').pathname).replace(
      /\/$/,
      '/index.html',
    );
    void readFile(join(folder, path)).then(
      (body) => {
        const packed = brotliCompressSync(body, {params: {1: 5}});
        sent.set(path, packed.length);
        response.writeHead(200, {
          'content-type': types[path.split('.').at(-1)!] ?? 'text/plain',
          'content-encoding': 'br',
        });
        response.end(packed);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    folder,
    sent,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, {recursive: true, force: true});
    },
  };
}
