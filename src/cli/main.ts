import {readFileSync} from 'node:fs';
import type {Command} from 'commander';
import {Failure} from '../kernel/errors.js';
import type {ActionSpec} from '../runner/spec.js';
import type {Ended, Terminal} from './action.js';
import {type CommandEntry, commands} from './commands.js';
import {exitCodeOf, exitCodes} from './exit-code.js';
import {buildCommand, buildProgram} from './program.js';

/**
 * The terminal command. It never rejects.
 * @param argv without node and script.
 * @returns the exit code.
 */
export async function main(argv: readonly string[]): Promise<number> {
  // A library's notice about Node versions of next year would stand before every result.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
  const entry = commands.find(({name}) => name === words[0]);
  if (entry?.name === 'rehearse') return guarded(async () => (await import('./rehearse.js')).rehearse(words.slice(1)));
  const spec = entry?.action ? await (await import('./action.js')).loadSpec(entry.action) : undefined;
  const typed = entry && buildCommand(entry, spec);
  const program = buildProgram(versionOf(), typed);
  let exitCode: number = exitCodes.ok;
  for (const command of [program, ...program.commands]) command.exitOverride();
  typed?.action(async () => {
    exitCode = await perform(entry!, spec, typed);
  });
  try {
    await program.parseAsync([...words], {from: 'user'});
    return exitCode;
  } catch (error) {
    // Help and version end the parsing by such an error too.
    return (error as {exitCode?: number}).exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
}

function versionOf(): string {
  const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as {version: string}).version;
}

async function guarded(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const {explain} = await import('./failure.js');
    process.stderr.write(`${explain(error)}\n`);
    return exitCodeOf(error);
  }
}

async function perform(entry: CommandEntry, spec: ActionSpec | undefined, command: Command): Promise<number> {
  const [{openConsole}, {readEnvironment}, {explain}] = await Promise.all([
    import('./console.js'),
    import('./environment.js'),
    import('./failure.js'),
  ]);
  const json = command.getOptionValue('json') === true;
  const console = openConsole({stdout: process.stdout, stderr: process.stderr, json, env: process.env});
  const abort = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    console.alert('warning', `${signal} received: stopping in order.`);
    abort.abort(
      new Failure('CANCELLED', `${entry.name} was interrupted`, {remedy: 'Start it again when you are ready.'}),
    );
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  let ended: Ended = {outputs: {}};
  let exitCode: number = exitCodes.ok;
  try {
    const env = withLedger(
      await readEnvironment(process.env, command.getOptionValue('envFile') as string | undefined),
      command.getOptionValue('ledger') as string | undefined,
    );
    const result = await dispatch(entry, spec, command, {console, env, signal: abort.signal});
    ended = result.ended;
    exitCode = result.exitCode ?? (ended.failure ? exitCodeOf(ended.failure, abort.signal.aborted) : exitCodes.ok);
  } catch (error) {
    exitCode = exitCodeOf(error, abort.signal.aborted);
    ended = {outputs: {}, failure: error as Failure};
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
  if (json) console.result(JSON.stringify(asJson(entry.name, exitCode, ended)));
  else if (ended.summary) console.result(`\n${ended.summary}`);
  if (ended.failure) console.alert('error', `\n${explain(ended.failure)}`);
  return exitCode;
}

function withLedger(
  env: Readonly<Record<string, string | undefined>>,
  ledger: string | undefined,
): Readonly<Record<string, string | undefined>> {
  if (ledger === undefined) return env;
  if (!/^(github|file(:.+)?)$/.test(ledger))
    throw new Failure('USAGE', `--ledger ${ledger} is not a ledger`, {remedy: 'Give github, file, or file:PATH.'});
  return {...env, SWITCHBACK_LEDGER: ledger};
}

function asJson(command: string, exitCode: number, {outputs, failure}: Ended): object {
  return {
    command,
    ok: exitCode === 0,
    'exit-code': exitCode,
    outputs,
    ...(failure && {
      failure: {code: failure.code ?? 'BUG', message: failure.message, remedy: failure.remedy ?? 'Report this bug.'},
    }),
  };
}

interface Result {
  readonly ended: Ended;
  readonly exitCode?: number;
}

async function dispatch(
  entry: CommandEntry,
  spec: ActionSpec | undefined,
  command: Command,
  terminal: Terminal,
): Promise<Result> {
  const flag = (name: string) => command.getOptionValue(name) as string | undefined;
  switch (entry.name) {
    case 'release': {
      const {release} = await import('./release.js');
      return release(
        {
          config: flag('config'),
          commit: flag('commit'),
          allowMissingAnchor: flag('allowMissingAnchor'),
          skipBackup: command.getOptionValue('skipBackup') === true,
        },
        terminal,
      );
    }
    case 'recover': {
      const {recover} = await import('./recover.js');
      const {database, rebuild, ...rest} = command.opts<
        Record<string, string | undefined> & {database?: boolean; rebuild?: boolean}
      >();
      return recover({...rest, database: database === true, rebuild: rebuild === true}, terminal);
    }
    case 'history': {
      if (wordOf(entry, command) === 'merge') {
        const {mergeHistory} = await import('./ledger-merge.js');
        return {ended: await mergeHistory(flag('from'), flag('config')!, terminal)};
      }
      const {history} = await import('./history.js');
      return {ended: await history(wholeNumber('limit', flag('limit')!), flag('config')!, terminal)};
    }
    case 'pins': {
      const {pins} = await import('./history.js');
      return {ended: await pins(wordOf(entry, command) as 'list' | 'release', flag('config')!, terminal)};
    }
    case 'completion':
      return {ended: {outputs: {}, summary: await completion(command.args[0] ?? '')}};
    case 'init': {
      const {init} = await import('./init.js');
      return {ended: await init(command.opts(), terminal)};
    }
    case 'monitor': {
      if (command.getOptionValue('watch') !== true) return {ended: await action(entry, spec!, command, terminal)};
      const {watch} = await import('./watch.js');
      const {givenText} = await import('./flags.js');
      return watch(
        {
          address: flag('address')!,
          port: flag('port')!,
          refresh: flag('refresh'),
          given: (name) => givenText(command, name),
        },
        terminal,
      );
    }
    default:
      return {ended: await action(entry, spec!, command, terminal)};
  }
}

async function action(entry: CommandEntry, spec: ActionSpec, command: Command, terminal: Terminal): Promise<Ended> {
  const [{inTerminalWords, runOnTerminal}, {givenText}] = await Promise.all([
    import('./action.js'),
    import('./flags.js'),
  ]);
  const given = (name: string) =>
    entry.fixed?.[name] ?? (name === entry.positional ? command.args[0] : undefined) ?? givenText(command, name);
  try {
    return await runOnTerminal(entry.action!, given, terminal);
  } catch (error) {
    throw inTerminalWords(error, spec);
  }
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Failure('USAGE', `--${name} ${text} is not a number from 1 on`, {remedy: `Write it like --${name} 20.`});
}

/** The word after a command that takes one of a few; the first when none was typed. */
function wordOf({name, words = []}: CommandEntry, command: Command): string {
  const word = command.args[0] ?? words[0]!;
  if (words.includes(word)) return word;
  throw new Failure('USAGE', `switchback ${name} does not know "${word}"`, {remedy: `Use ${words.join(' or ')}.`});
}

async function completion(shell: string): Promise<string> {
  const [{completionScript}, {loadSpec}] = await Promise.all([import('./completion.js'), import('./action.js')]);
  const all = await Promise.all(
    commands.map(async (entry) => {
      const spec = entry.action ? await loadSpec(entry.action) : undefined;
      const flags = buildCommand(entry, spec).options.map((option) => option.long!);
      return {
        name: entry.name,
        about: entry.about,
        flags,
        words: spec?.inputs[entry.positional ?? '']?.options ?? entry.words ?? [],
      };
    }),
  );
  return completionScript(shell, all);
}
