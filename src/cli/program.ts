import {Command} from 'commander';
import type {ActionSpec} from '../runner/spec.js';
import {type CommandEntry, commands} from './commands.js';
import {exitCodeLine} from './exit-codes.js';
import {addInputFlags, addTerminalFlags, secretsOf} from './flags.js';
import {overview} from './start.js';

/** The command line of one command, with the flags of its spec. */
export function buildCommand(entry: CommandEntry, spec: ActionSpec | undefined): Command {
  const command = new Command(entry.name).description(entry.about);
  if (entry.name === 'rehearse')
    return command.allowUnknownOption().helpOption(false).argument('[flags...]', 'see switchback rehearse --help');
  if (spec) addInputFlags(command, spec.inputs, Object.keys(entry.fixed ?? {}));
  addOwnFlags(command, entry.name);
  if (entry.positional && spec) {
    const field = spec.inputs[entry.positional];
    command.argument(
      `[${entry.positional}]`,
      `same as --${entry.positional}${field?.options ? `: ${field.options.join(', ')}` : ''}`,
    );
  }
  addTerminalFlags(command);
  return command.addHelpText('after', afterHelp(entry, spec));
}

function addOwnFlags(command: Command, name: string): void {
  const config = () => command.option('--config <text>', 'path of the configuration file', '.github/switchback.yml');
  switch (name) {
    case 'release':
      config()
        .option('--commit <sha>', 'full SHA to release (default: HEAD)')
        .option('--allow-missing-anchor <words>', 'components that may have no way back, such as on the first release')
        .option('--skip-backup', 'release without a fresh backup');
      break;
    case 'recover':
      config()
        .option('--reason <text>', 'why; kept in the ledger, the pin and the incident')
        .option('--database', 'restore the database from a set; otherwise it is not touched')
        .option('--rebuild', 'the Railway project is gone: make everything again in the empty one of RAILWAY_TOKEN')
        .option(
          '--confirm <identity>',
          'typed identity of the database that is replaced, or of the empty project; a run without it prints it',
        )
        .option('--since <time>', 'when the damage began; no younger set is taken (default: now)')
        .option('--set <id>', 'which set (default: the newest sound one from before the damage)')
        .option('--store <word>', 'storage, or also: the second store, when the first is gone (default: storage)')
        .option('--max-age <duration>', 'a set older than this is refused unless it is named (default: 7d)')
        .option('--release <id>', 'release to bring back (default: the last known good one)')
        .option('--owners <word>', 'keep or drop the owners of restored objects (default: keep)');
      break;
    case 'history':
      config()
        .argument('[what]', 'list or merge', 'list')
        .option('--limit <number>', 'how many releases', '20')
        .option('--from <path>', 'ledger file to merge (default: `ledger.file` of the configuration)');
      break;
    case 'pins':
      config().argument('[what]', 'list or release', 'list');
      break;
    case 'monitor':
      command
        .option('--watch', 'go on for ever and serve the live page, its events and /health')
        .option('--address <address>', 'with --watch: where to listen', '127.0.0.1')
        .option('--port <number>', 'with --watch: port of the page; 0 takes any free one', '8787')
        .option('--refresh <duration>', 'with --watch: how often an open page asks (default: `monitor.refresh`)');
      break;
    case 'completion':
      command.argument('<shell>', 'bash, zsh or fish');
      break;
    case 'init':
      command
        .option('--yes', 'ask nothing: take what was found and what the flags say')
        .option('--overwrite', 'replace files that exist and differ; the difference is shown')
        .option('--product <name>', 'name of the product')
        .option('--frontend-path <path>', 'folder of the frontend')
        .option('--frontend-url <url>', 'address that users open')
        .option('--vercel-project <id>', 'Vercel project id or name')
        .option('--vercel-team <id>', 'Vercel team id or slug')
        .option('--backend-path <path>', 'folder of the backend')
        .option('--backend-url <url>', 'public address of the backend')
        .option('--railway-service <name>', 'Railway service: name or id')
        .option('--health-path <path>', 'path of the backend that answers 200 when it is well')
        .option('--bucket <name>', 'bucket for backups')
        .option('--endpoint <url>', 'address of an S3-compatible store (default: AWS)')
        .option('--region <name>', 'region of the bucket')
        .option('--key-out <path>', 'make a backup key pair; the private half goes to this path outside the repository')
        .option('--switchback <owner/name@commit>', 'where the workflows are called from');
      break;
  }
}

/** Secrets of commands that run several actions. */
const ownSecrets: Readonly<Record<string, ReadonlyArray<readonly [variable: string, doc: string]>>> = {
  recover: [
    ['VERCEL_TOKEN', 'Vercel access token'],
    ['RAILWAY_TOKEN', 'Railway token of the production environment'],
    ['DATABASE_URL', 'Address of the live database, or of the empty one that takes its place'],
    ['BACKUP_ACCESS_KEY_ID', 'Access key of the backup bucket'],
    ['BACKUP_SECRET_ACCESS_KEY', 'Secret key of the backup bucket'],
    ['BACKUP_ALSO_ACCESS_KEY_ID', 'Access key of the second store, for --store also'],
    ['BACKUP_ALSO_SECRET_ACCESS_KEY', 'Secret key of the second store'],
    ['BACKUP_PRIVATE_KEY', 'Armored private OpenPGP key that opens the sets, for --database and --rebuild'],
    ['SEALED_VARIABLES', 'For --rebuild: values that Railway never told, one NAME=value a line'],
    ['BACKUP_PRIVATE_KEY_PASSPHRASE', 'Its passphrase'],
    ['BACKUP_SIGNING_KEY', 'Signs the snapshot, where the file asks for signed sets'],
    ['GITHUB_TOKEN', 'For the ledger and the incident; not needed with --ledger file'],
  ],
};

function afterHelp(entry: CommandEntry, spec: ActionSpec | undefined): string {
  const secrets = spec ? secretsOf(spec) : (ownSecrets[entry.name] ?? []);
  const wide = Math.max(0, ...secrets.map(([variable]) => variable.length));
  const secretLines = secrets.map(([variable, doc]) => `  ${variable.padEnd(wide)}  ${doc.split('. ')[0]}`);
  return [
    ...(secretLines.length ? ['\nSecrets, from the environment or --env-file:', ...secretLines] : []),
    '\nExamples:',
    ...entry.examples.map((example) => `  $ ${example}`),
    `\n${exitCodeLine()}`,
  ].join('\n');
}

/** `switchback` itself; its help is the overview. */
export function buildProgram(version: string, typed: Command | undefined): Command {
  const program = new Command('switchback')
    .version(version, '-V, --version', 'print the version')
    .showSuggestionAfterError(true);
  program.helpInformation = () => overview();
  for (const {name, about} of commands) {
    program.addCommand(typed?.name() === name ? typed : new Command(name).description(about));
  }
  return program;
}
