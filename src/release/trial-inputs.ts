import {chooseSet} from '../backup/choose-set.js';
import {manifestTime} from '../backup/manifest.js';
import {listSets} from '../backup/set-list.js';
import {readTrustedManifest} from '../backup/trust.js';
import type {Config, TrialConfig} from '../config/schema.js';
import {isPassphrase, type Opener, unlockPrivateKey} from '../crypto/private-key.js';
import {formatDuration} from '../kernel/duration.js';
import {Failure, messageOf, type Problem, refusal} from '../kernel/errors.js';
import {type Connection, parseConnection, secretsOf} from '../postgres/connection.js';
import {type BackupAccess, openBackupStore, passphraseOf, readKeyTexts, seriesOf} from './backup-access.js';
import {headOf} from './commit-tree.js';
import {databaseConnection} from './database-access.js';
import type {MigrationRange} from './schema-verdict.js';
import type {TrialOrigin} from './trial-copy.js';
import {statementsOf} from './trial-migrations.js';

export interface TrialInputs extends BackupAccess {
  readonly trial: 'off' | 'on' | 'set' | 'database';
  readonly set: string;
  readonly 'max-age': number;
  readonly 'private-key'?: string | undefined;
  readonly 'private-key-passphrase'?: string | undefined;
  readonly passphrase?: string | undefined;
  readonly 'signed-by'?: readonly string[] | undefined;
  readonly 'target-url'?: string | undefined;
}

export interface TrialContext {
  readonly root: string;
  readonly from: string;
  readonly to: string;
  readonly range: MigrationRange;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly mask: (secret: string) => void;
}

/** What a trial works with, wholly checked. */
export interface OpenedTrial {
  readonly settings: TrialConfig;
  readonly origin: TrialOrigin;
  /** For people. */
  readonly originText: string;
  readonly live: Connection | undefined;
  readonly server: Connection | undefined;
}

const defaults: TrialConfig = {source: 'set', 'url-env': 'DATABASE_URL', env: [], timeout: 1_800_000};

/**
 * Checks everything that can be checked before a server is started.
 * @throws refusal TRIAL_INPUT with all problems; then those of choosing and reading a set.
 */
export async function openTrial(config: Config, inputs: TrialInputs, context: TrialContext): Promise<OpenedTrial> {
  const settings = config.database?.trial ?? defaults;
  const source = inputs.trial === 'set' || inputs.trial === 'database' ? inputs.trial : settings.source;
  const problems: Problem[] = [];
  const live = attempt(problems, 'input `database-url`', () => databaseConnection(config, inputs, context.env));
  const given = inputs['target-url'];
  const server = attempt(problems, 'input `target-url`', () => (given ? parseConnection(given) : undefined));
  for (const one of [live, server]) if (one) secretsOf(one).forEach(context.mask);
  const openers = source === 'set' ? await openersFor(config, inputs, context, problems) : [];
  if (source === 'database' && !live && !problems.length)
    problems.push({
      where: 'input `database-url`',
      what: 'is missing, and the trial copies the live database',
      remedy: 'Pass it, or let the trial use a set',
    });
  problems.push(...(await migrationProblems(settings, context)));
  if (problems.length) throw refusal('TRIAL_INPUT', 'The trial was', problems);
  const origin: TrialOrigin =
    source === 'set' ? await chosenSet(config, inputs, openers, context) : {kind: 'database', live: live!};
  return {settings, origin, originText: textOf(origin), live, server};
}

function attempt<T>(problems: Problem[], where: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const found = error instanceof Failure ? (error.details['problems'] as readonly Problem[] | undefined) : undefined;
    if (!found) throw error;
    problems.push(...found.map((one) => ({...one, where})));
    return undefined;
  }
}

async function openersFor(
  config: Config,
  inputs: TrialInputs,
  {env, mask}: TrialContext,
  problems: Problem[],
): Promise<Opener[]> {
  if (!config.backup)
    problems.push({
      where: '`backup`',
      what: 'is missing, and the trial restores a set',
      remedy: 'Describe the store under `backup`, or let the trial copy the database (`source: database`)',
    });
  const passphrase = inputs.passphrase ?? (config.backup && passphraseOf(config.backup, env));
  if (passphrase) mask(passphrase);
  const key = inputs['private-key'];
  if (!key && !passphrase)
    problems.push({
      where: 'input `private-key`',
      what: 'is missing, and the trial restores a set',
      remedy: 'Pass the private key of a recipient from a protected environment, or use `source: database`',
    });
  const opened = passphrase ? [{passphrase}] : [];
  if (!key) return opened;
  try {
    return [await unlockPrivateKey(key, inputs['private-key-passphrase']), ...opened];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    problems.push({where: 'input `private-key`', what: error.message, remedy: error.remedy});
    return opened;
  }
}

async function migrationProblems(settings: TrialConfig, context: TrialContext): Promise<Problem[]> {
  if (settings.apply) {
    const head = await headOf(context);
    return head === context.to
      ? []
      : [
          {
            where: '`database.trial.apply`',
            what: `would run in commit ${head?.slice(0, 7) ?? 'none'}, not in ${context.to.slice(0, 7)}`,
            remedy: 'Check the commit of the release out before this step',
          },
        ];
  }
  try {
    await statementsOf(context.range.added);
    return [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [{where: 'migrations', what: messageOf(error), remedy: error.remedy}];
  }
}

async function chosenSet(
  config: Config,
  inputs: TrialInputs,
  openers: readonly Opener[],
  {root, signal}: TrialContext,
): Promise<TrialOrigin> {
  const store = await openBackupStore(config.backup!, inputs, root);
  const series = seriesOf(config);
  const choice = {set: inputs.set, maxAgeMs: inputs['max-age'], roles: ['database']};
  const {id} = chooseSet(await listSets(store, series, {signal}), choice, Date.now());
  const signers = await readKeyTexts(inputs['signed-by'] ?? config.backup!['signed-by'] ?? [], root);
  const {manifest} = await readTrustedManifest(store, series, id, {signers}, signal);
  const keys = openers.filter((opener) => isPassphrase(opener) === (manifest.encryption.passphrase ?? false));
  return {kind: 'set', store, manifest, keys};
}

function textOf(origin: TrialOrigin): string {
  if (origin.kind === 'database') return 'the live database, now';
  const age = formatDuration(Date.now() - manifestTime(origin.manifest));
  return `set ${origin.manifest.id}, ${age} old`;
}
