import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {formatDuration} from '../kernel/duration.js';
import {Failure} from '../kernel/errors.js';
import {type EngineName, helpText, type RehearsalArguments, readArguments} from './arguments.js';
import {playChaosCases} from './chaos/chaos.js';
import {openEngine} from './engine/act.js';
import {differences} from './parity.js';
import type {ProductName, SampleProduct} from './product/kind.js';
import {nextFlaskVersions, prepareNextFlask} from './product/next-flask.js';
import {shop} from './product/shop.js';
import {type Played, type Rehearsal, rehearse} from './rehearse.js';
import {playable, scenarios} from './scenarios.js';
import {openStory, type Story} from './story.js';
import type {World} from './world.js';

/** The rehearsal command; runs as compiled JavaScript in lib/src/rehearsal. */
const suiteRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const write = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const args = readArguments(process.argv.slice(2), (product) => scenariosOf(product).map(({name}) => name));
  const known = scenariosOf(args.product).map((scenario) => [scenario.name, scenario.about] as const);
  if (args.help) return say(helpText(known));
  if (args.list) return say(known.map(([name, about]) => `${name.padEnd(22)}${about}`).join('\n'));
  return args.chaos ? playStorm(args) : playAll(args);
}

function scenariosOf(product: ProductName) {
  return playable(scenarios, product === 'shop' ? shop.versions : nextFlaskVersions);
}

/** What is installed and built stays in the cache, so that this takes its minutes only once. */
async function prepare({product, json}: RehearsalArguments): Promise<SampleProduct> {
  if (product === 'shop') return shop;
  return prepareNextFlask(join(suiteRoot, '.cache', 'next-flask'), (line) => {
    if (!json) write(`  ${line}`);
  });
}

async function playAll(args: RehearsalArguments): Promise<number> {
  const stop = stopSignal();
  const engines = await enginesOf(args);
  const sample = await prepare(args);
  const story = openStory({json: args.json, write, color: wantsColor()});
  const startedMs = Date.now();
  const expected: string[] = [];
  for (const [index, name] of args.scenarios.entries()) {
    if (stop.aborted) break;
    const keep = args.keep && index === args.scenarios.length - 1;
    if (await playOn(engines, name, {args, sample, story, signal: stop, keep})) expected.push(name);
  }
  if (!args.json) {
    const took = formatDuration(Date.now() - startedMs);
    write(`\n${expected.length} of ${args.scenarios.length} scenarios as expected in ${took} (seed ${args.seed}).`);
    if (engines.length > 1) write(`Alike on both engines: ${expected.join(', ') || 'none'}.`);
  }
  return expected.length === args.scenarios.length && !stop.aborted ? 0 : 1;
}

interface Engine {
  readonly name: EngineName;
  readonly start: Rehearsal['start'];
}

async function enginesOf({engine}: RehearsalArguments): Promise<Engine[]> {
  const chosen: EngineName[] = engine === 'both' ? ['embedded', 'act'] : [engine];
  return Promise.all(chosen.map(async (name) => ({name, start: await openEngine(name, join(suiteRoot, '.cache'))})));
}

interface Playing {
  readonly args: RehearsalArguments;
  readonly sample: SampleProduct;
  readonly story: Story;
  readonly signal: AbortSignal;
  /** Leave the last world running. */
  readonly keep: boolean;
}

/** Plays a scenario on every engine. @returns whether each ended as expected, and all alike. */
async function playOn(engines: readonly Engine[], name: string, playing: Playing): Promise<boolean> {
  const {args, sample, story, signal, keep} = playing;
  const scenario = scenarios.find((candidate) => candidate.name === name)!;
  const played: Played[] = [];
  for (const [index, {name: engine, start}] of engines.entries()) {
    if (signal.aborted) return false;
    const rehearsal = {suiteRoot, sample, nodePath: process.execPath, start, story, args: {...args, engine}, signal};
    const last = keep && index === engines.length - 1;
    played.push(await rehearse(scenario, rehearsal, last ? (world) => keepRunning(world, signal) : undefined));
  }
  const [first, second] = played;
  const alike = !first || !second || tellDifferences(story, name, differences(first.facts, second.facts));
  return alike && played.every(({ok}) => ok);
}

/** @returns whether there are none. */
function tellDifferences(story: Story, scenario: string, lines: readonly string[]): boolean {
  if (lines.length === 0) story.event('ok', `${scenario}: both engines ended alike`, {scenario, alike: true});
  for (const line of lines) story.event('bad', `${scenario}: the engines differ in ${line}`, {scenario, alike: false});
  return lines.length === 0;
}

async function playStorm(args: RehearsalArguments): Promise<number> {
  const stop = stopSignal();
  const start = await openEngine('embedded', join(suiteRoot, '.cache'));
  const ground = {suiteRoot, nodePath: process.execPath, start, signal: stop};
  return (await playChaosCases(args, ground, write)) ? 0 : 1;
}

function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  return stop.signal;
}

/** NO_COLOR and FORCE_COLOR decide before the terminal does. */
function wantsColor(): boolean {
  const {NO_COLOR: none, FORCE_COLOR: force = '0'} = process.env;
  return !none && (process.stdout.isTTY === true || force !== '0');
}

async function keepRunning(world: World, signal: AbortSignal): Promise<void> {
  write(
    `\nThe world goes on until Ctrl-C:\n  product   ${world.frontendUrl}\n  backend   ${world.backendUrl}/api/health\n  Vercel    ${world.vercel.url}\n  Railway   ${world.railway.url}/graphql/v2\n  GitHub    ${world.github.url}\n  S3        ${world.s3.url}`,
  );
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), {once: true}));
}

function say(text: string): number {
  write(text);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`${error.message}\nNext: ${error.remedy}\n`);
  process.exitCode = error.code === 'USAGE' ? 2 : 1;
}
