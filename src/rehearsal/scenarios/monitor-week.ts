import {mkdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {stringify} from 'yaml';
import {type Check, check} from '../outside.js';
import {startStandIn} from '../stand-in.js';
import {type SeenStatus, startFastWatch, type WatchProcess} from '../watch-process.js';
import {startWebhooks} from '../webhooks/stand-in.js';

const hourMs = 3_600_000;
const secret = `whsec_${Buffer.from('a key of the receiver').toString('base64')}`;
const slowMs = 700;
/** A week has 1,008 such rounds. */
const interval = '10m';
const roundsAnHour = 6;

/** Hours after the begin: what a service does from then on. */
const story = [
  [20, 'catalogue', 'slow'],
  [24, 'catalogue', 'well'],
  [90, 'mailer', 'flaps'],
  [110, 'mailer', 'well'],
] as const;
const endsAfterH = 168;

/**
 * A week in fast time, seen by `switchback monitor --watch` as a process: four hours of slow answers, most of a day of
 * flapping, otherwise nothing. Judged by what its page served and what a receiver of webhooks took.
 */
export async function watchedWeek(folder: string): Promise<Check[]> {
  const moods = new Map<string, string>();
  let asked = 0;
  await using product = await startStandIn(async ({url, response}) => {
    const mood = moods.get(url.pathname.slice(1));
    if (mood === 'slow') await sleep(slowMs);
    // Four rounds down, three up; closer looks are asked within the same round.
    const down = mood === 'flaps' && asked % 7 < 4;
    response.writeHead(down ? 503 : 200).end('{}');
  });
  await using receiver = await startWebhooks();
  await prepare(folder, product.url);
  await using watch = await startFastWatch(folder, ['--config', 'switchback.yml', '--interval', interval], {
    // Its signature is judged by the clock, and this one runs ahead: the acts before have judged signatures.
    ALERT_WEBHOOK_URL: receiver.plainUrl,
    ALERT_WEBHOOK_SECRET: secret,
  });
  const ended = listen(watch.url);
  const seen = await live(watch, (hour, rounds) => {
    asked = rounds;
    for (const [fromHour, service, mood] of story) if (hour >= fromHour) moods.set(service, mood);
  });
  const health = await fetch(new URL('health', watch.url)).then(({status}) => status);
  const last = await watch.status();
  const exitCode = await watch.stop();
  return [
    ...judgeWeek(seen, last, watch),
    ...judgeAlerts(receiver.deliveries.map(({body}) => body as Told)),
    check(health === 200, `its health answers ${health}`),
    check(
      exitCode === 0 && (await ended),
      `SIGTERM ended it in order (exit code ${exitCode}), and listeners were told`,
    ),
    check(
      (await readFile(join(folder, 'status', 'status.json'), 'utf8')).includes('"catalogue"'),
      'the page lies in its folder',
    ),
  ];
}

async function prepare(folder: string, url: string): Promise<void> {
  await mkdir(folder, {recursive: true});
  const config = {
    version: 1,
    product: 'shop',
    backend: {service: 'api', url},
    ledger: {store: 'file'},
    checks: ['catalogue', 'mailer', 'search'].map((name) => ({name, path: `/${name}`})),
    monitor: {interval, 'max-latency': '500ms', history: {type: 'folder'}},
    alerts: {
      channels: {pager: {type: 'webhook', 'url-env': 'ALERT_WEBHOOK_URL', 'secret-env': 'ALERT_WEBHOOK_SECRET'}},
    },
  };
  await writeFile(join(folder, 'switchback.yml'), stringify(config));
}

/** @returns whether the stream was ended by its server with a last word. */
async function listen(url: string): Promise<boolean> {
  const answer = await fetch(new URL('events', url));
  let text = '';
  try {
    for await (const chunk of answer.body!) text = (text + Buffer.from(chunk).toString()).slice(-200);
  } catch {
    return false;
  }
  return text.includes('event: end');
}

/** Follows the page until the week is over, and tells at each look how many hours and rounds have passed. */
async function live(watch: WatchProcess, at: (hour: number, rounds: number) => void): Promise<SeenStatus[]> {
  const seen: SeenStatus[] = [];
  const first = await watch.status();
  const giveUpMs = Date.now() + 240_000;
  for (let hour = 0; hour < endsAfterH && Date.now() < giveUpMs; await sleep(5)) {
    const status = await watch.status();
    hour = (status.generatedMs - first.generatedMs) / hourMs;
    if (status.generatedMs !== seen.at(-1)?.generatedMs) seen.push(status);
    at(hour, Math.round(hour * roundsAnHour));
  }
  return seen;
}

function judgeWeek(seen: readonly SeenStatus[], last: SeenStatus, watch: WatchProcess): Check[] {
  const were = (name: string, condition: string) =>
    seen.some(({services}) => services.some((service) => service.name === name && service.condition === condition));
  const hours = ((seen.at(-1)?.generatedMs ?? 0) - (seen[0]?.generatedMs ?? 0)) / hourMs;
  return [
    check(
      hours >= endsAfterH - 2,
      `${Math.round(hours)} hours passed, ${(watch.log().match(/services, /g) ?? []).length} rounds`,
    ),
    check(
      were('catalogue', 'degraded') && !were('catalogue', 'down'),
      'the slow service was shown as slow, never as down',
    ),
    check(were('mailer', 'down'), 'the flapping one was shown as down'),
    check(!were('search', 'down') && !were('search', 'degraded'), 'the healthy one was never anything but up'),
    check(
      last.overall === 'up' && last.incidents.every(({closedMs}) => closedMs !== null),
      'at the end of the week all is well',
    ),
  ];
}

interface Told {
  readonly type: string;
  readonly data: {readonly incident: string; readonly title: string};
}

function judgeAlerts(told: readonly Told[]): Check[] {
  const about = (name: string, type: string) =>
    told.filter(
      ({type: kind, data}) =>
        kind === `switchback.${type}` && data.title.includes(name) && !data.title.includes('budget'),
    );
  const [slow, slowOver] = [about('catalogue', 'alert'), about('catalogue', 'recovery')];
  const [flaps, flapsOver] = [about('mailer', 'alert'), about('mailer', 'recovery')];
  const incidents = new Set(told.map(({data}) => data.incident));
  const once = (type: string) => told.filter((one) => one.type === `switchback.${type}`).length === incidents.size;
  return [
    check(
      slow.length === 1 && slowOver.length === 1,
      `four hours of slow answers: ${slow.length} alert, ${slowOver.length} recovery`,
    ),
    // The calm that a recovery must last doubles with each fall (5, 10, 20, 40 minutes): half an hour up is believed
    // after four of them, and from the fifth on the incident stays open.
    check(
      flaps.length >= 1 && flaps.length <= 5 && flapsOver.length === flaps.length,
      `20 hours of flapping, 17 falls: ${flaps.length} alerts and as many recoveries`,
    ),
    check(
      once('alert') && once('recovery'),
      `${incidents.size} incidents, each with one alert and one recovery: ${told
        .map(({data}) => data.title)
        .join('; ')
        .slice(0, 400)}`,
    ),
    check(!told.some(({data}) => data.title.includes('search')), 'nothing was said about the healthy one'),
  ];
}
