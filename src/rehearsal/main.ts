import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {formatDuration} from '../kernel/duration.js';
import {Failure} from '../kernel/errors.js';
import {helpText, type RehearsalArguments, readArguments} from './arguments.js';
import {openEngine} from './engine/act.js';
import {rehearse} from './rehearse.js';
import {scenarioNames, scenarios} from './scenarios.js';
import {openStory} from './story.js';
import type {World} from './world.js';

/** The rehearsal command; runs as compiled JavaScript in lib/src/rehearsal. */
const suiteRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const write = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const args = readArguments(process.argv.slice(2), scenarioNames);
  const known = scenarios.map((scenario) => [scenario.name, scenario.about] as const);
  if (args.help) return say(helpText(known));
  if (args.list) return say(known.map(([name, about]) => `${name.padEnd(22)}${about}`).join('\n'));
  return playAll(args);
}

async function playAll(args: RehearsalArguments): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  const start = await openEngine(args.engine, join(suiteRoot, '.cache'));
  const story = openStory({json: args.json, write, color: process.stdout.isTTY && !process.env['NO_COLOR']});
  const startedMs = Date.now();
  let failed = 0;
  for (const [index, name] of args.scenarios.entries()) {
    if (stop.signal.aborted) break;
    const scenario = scenarios.find((candidate) => candidate.name === name)!;
    const last = index === args.scenarios.length - 1;
    const ok = await rehearse(
      scenario,
      {suiteRoot, nodePath: process.execPath, start, story, args, signal: stop.signal},
      last && args.keep ? (world) => keepRunning(world, stop.signal) : undefined,
    );
    if (!ok) failed++;
  }
  if (!args.json)
    write(
      `\n${args.scenarios.length - failed} of ${args.scenarios.length} scenarios as expected in ${formatDuration(Date.now() - startedMs)} (seed ${args.seed}).`,
    );
  return failed || stop.signal.aborted ? 1 : 0;
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
