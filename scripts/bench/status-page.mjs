// npm run bench -- status-page: a year of 20 services in headless Chromium, from a folder on the disk: time until it is
// drawn, time until the chart of a year is, bytes of the first view (brotli), layout shift.
import {existsSync} from 'node:fs';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {createServer} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {brotliCompressSync, constants} from 'node:zlib';
import {chromium} from 'playwright-core';
import {History} from '../../lib/src/monitor/history.js';
import {memoryFiles} from '../../lib/src/monitor/history-files.js';
import {writeSampleHistory} from '../../lib/src/monitor/sample-history.js';
import {makeSnapshot} from '../../lib/src/monitor/snapshot.js';
import {writePage} from '../../lib/src/status/write-page.js';

const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'].find((path) =>
  existsSync(path),
);
if (!executablePath) {
  console.error('no Chromium on this machine\nNext: apt-get install chromium, then run it again.');
  process.exit(2);
}
const dayMs = 86_400_000;
const nowMs = Date.now();
const services = Array.from({length: 20}, (_, i) => `service ${i + 1}`);
const history = new History(memoryFiles());
await writeSampleHistory(history, {services, nowMs, days: 364, everyMs: 900_000, seed: 7});
const madeMs = performance.now();
const snapshot = await makeSnapshot(history, {
  product: 'shop',
  nowMs,
  intervalMs: 300_000,
  refreshMs: 600_000,
  lastRoundMs: nowMs,
  objective: 0.999,
  windowMs: 30 * dayMs,
  services: services.map((name) => ({name, component: 'backend', critical: true, condition: 'up', flapping: false})),
  incidents: [],
  releases: [],
  freshness: [],
});
console.log(`made from the history in ${(performance.now() - madeMs).toFixed(0)} ms`);

const folder = await mkdtemp(join(tmpdir(), 'status-page-'));
await writePage(folder, snapshot);
const types = {html: 'text/html', css: 'text/css', js: 'text/javascript', json: 'application/json'};
const sent = new Map();
const server = createServer(async (request, response) => {
  const path = request.url === '/' ? '/index.html' : request.url;
  const body = await readFile(join(folder, decodeURIComponent(path))).catch(() => undefined);
  if (!body) return response.writeHead(404).end();
  const packed = brotliCompressSync(body, {params: {[constants.BROTLI_PARAM_QUALITY]: 5}});
  sent.set(path, packed.length);
  response.writeHead(200, {'content-type': types[path.split('.').at(-1)], 'content-encoding': 'br'}).end(packed);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const browser = await chromium.launch({executablePath, args: ['--no-sandbox', '--disable-gpu']});
const runs = [];
for (let i = 0; i < 7; i++) {
  const context = await browser.newContext({viewport: {width: 1100, height: 900}});
  const tab = await context.newPage();
  sent.clear();
  await tab.goto(`http://127.0.0.1:${server.address().port}/`);
  await tab.waitForSelector('.service');
  const drawn = await tab.evaluate(() => performance.getEntriesByName('drawn')[0].startTime);
  const shift = await tab.evaluate(
    () =>
      new Promise((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) sum += entry.value;
        }).observe({type: 'layout-shift', buffered: true});
        setTimeout(() => resolve(sum), 1_500);
      }),
  );
  const bytes = [...sent.values()].reduce((a, b) => a + b, 0);
  const startMs = await tab.evaluate(() => performance.now());
  await tab.getByRole('button', {name: 'service 1 backend', exact: true}).click();
  await tab.getByRole('button', {name: 'A year'}).click();
  await tab.waitForSelector('.plot[aria-label*="366 days"] .u-over');
  runs.push({drawn, shift, bytes, chart: (await tab.evaluate(() => performance.now())) - startMs});
  await context.close();
}
await browser.close();
server.closeAllConnections();
server.close();
await rm(folder, {recursive: true, force: true});

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const of = (name) => runs.map((run) => run[name]);
let missed = 0;
const say = (holds, text) => {
  if (!holds) missed++;
  console.log(`${holds ? 'ok' : 'MISS'}: ${text}`);
};
say(
  median(of('drawn')) < 1_000,
  `loaded and drawn in ${median(of('drawn')).toFixed(0)} ms (median of 7, slowest ${Math.max(...of('drawn')).toFixed(0)})`,
);
say(median(of('chart')) < 1_000, `the chart of a year in ${median(of('chart')).toFixed(0)} ms`);
say(Math.max(...of('bytes')) < 300_000, `first view ${(Math.max(...of('bytes')) / 1e3).toFixed(1)} kB compressed`);
say(Math.max(...of('shift')) === 0, `layout shift ${Math.max(...of('shift'))}`);
process.exit(missed ? 1 : 0);
