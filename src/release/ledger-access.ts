import {resolve} from 'node:path';
import type {Config} from '../config/schema.js';
import {Failure, isAbort, messageOf} from '../kernel/errors.js';
import {backoff, retry} from '../kernel/retry.js';
import {openFileStore} from '../ledger/file-store.js';
import {openGitHubStore} from '../ledger/github-store.js';
import type {EventKind, ReleaseRecord} from '../ledger/record.js';
import type {AdoptingStore, LedgerStore, Pin} from '../ledger/store.js';
import {openGitHub} from '../runner/github.js';
import type {Run} from '../runner/run-action.js';
import type {Anchors} from './anchors.js';
import {ledgerFile} from './ledger-file.js';

/** The ledger as the actions use it. */
export interface LedgerAccess {
  readonly store: LedgerStore;
  open(release: {readonly release: string; readonly commit: string; readonly anchors: Anchors}): Promise<ReleaseRecord>;
  /** Without a record id (an action used alone) nothing is noted. */
  append(
    recordId: string | undefined,
    kind: EventKind,
    facts?: Readonly<Record<string, string | undefined>>,
  ): Promise<void>;
  /** The pin that holds, as one sentence. */
  activePin(): Promise<string | undefined>;
}

/**
 * Opens the ledger that the configuration names.
 * @throws on first use, Failure LEDGER_TOKEN when it is GitHub's and no token was given.
 */
export async function openLedger(
  config: Config,
  inputs: {readonly 'github-token'?: string | undefined},
  runner: Pick<Run, 'env' | 'signal' | 'annotate'>,
): Promise<LedgerAccess> {
  const store = await openStore(config, inputs, runner);
  return {
    store,
    open: (release) => store.open({...release, ...(runUrl(runner.env) && {runUrl: runUrl(runner.env)!})}),
    append: async (recordId, kind, facts = {}) => {
      if (!recordId) return;
      const given = Object.fromEntries(
        Object.entries(facts).filter((entry): entry is [string, string] => entry[1] !== undefined),
      );
      try {
        await store.append(recordId, kind, given);
      } catch (error) {
        // An intent must be on record before its change. A fact that is already true must not undo a good release.
        if (kind === 'intent' || isAbort(error)) throw error;
        runner.annotate({
          level: 'warning',
          title: 'Ledger',
          message: `The event "${kind}" could not be noted: ${messageOf(error)}`,
        });
      }
    },
    activePin: async () => {
      const pin = await store.activePin(Date.now());
      return pin && pinSentence(pin);
    },
  };
}

export function pinSentence(pin: Pin): string {
  return `pinned by ${pin.who} until ${new Date(pin.untilMs).toISOString().slice(0, 16).replace('T', ' ')} UTC: ${pin.why}`;
}

async function openStore(
  config: Config,
  inputs: {readonly 'github-token'?: string | undefined},
  runner: Pick<Run, 'env' | 'signal' | 'annotate'>,
): Promise<LedgerStore> {
  const file = fileOf(config, runner.env['SWITCHBACK_LEDGER']);
  return file === undefined ? openGitHubLedger(config, inputs, runner) : openFileLedger(file, runner);
}

/** The ledger in a file; a relative path is taken from the root of the repository. */
export function openFileLedger(file: string, {env, annotate}: Pick<Run, 'env' | 'annotate'>): LedgerStore {
  const path = resolve(env['GITHUB_WORKSPACE'] ?? process.cwd(), file);
  return openFileStore(ledgerFile(path), Date.now, ({line, what}) =>
    annotate({level: 'warning', title: 'Ledger', message: `Line ${line} of ${file} ${what}`}),
  );
}

/** The ledger in GitHub Deployments. @throws on first use, Failure LEDGER_TOKEN when no token was given. */
export async function openGitHubLedger(
  config: Config,
  inputs: {readonly 'github-token'?: string | undefined},
  {env, signal}: Pick<Run, 'env' | 'signal'>,
): Promise<AdoptingStore> {
  const token = inputs['github-token'];
  const access = token ? await openGitHub(token, env) : undefined;
  return openGitHubStore(
    async (route, parameters) => {
      if (!access)
        throw new Failure('LEDGER_TOKEN', "The release ledger is GitHub's, and no `github-token` was given", {
          remedy: 'Leave the input at its default, or pass `github-token: ${{ github.token }}`.',
        });
      return retry({delaysMs: backoff(4, 500, 4_000), signal, maxRetryAfterMs: 60_000}, () =>
        access.request(route, parameters).catch((error: unknown) => {
          throw repeatable(route, error);
        }),
      );
    },
    {environment: config.ledger.environment},
  );
}

/**
 * The file the ledger is kept in, when it is one. `SWITCHBACK_LEDGER` (`github`, `file` or `file:PATH`; the terminal's
 * `--ledger`) decides before the configuration, so that a release is possible while GitHub cannot be reached.
 */
function fileOf({ledger}: Config, chosen: string | undefined): string | undefined {
  if (chosen?.startsWith('file:')) return chosen.slice('file:'.length);
  return (chosen ?? ledger.store) === 'file' ? ledger.file : undefined;
}

/** An event that is noted twice says nothing wrong, so its POST may be repeated after a lost answer; a record's may not. */
function repeatable(route: string, error: unknown): unknown {
  if (!(error instanceof Failure) || error.retryable || !route.endsWith('/statuses')) return error;
  const status = Number(error.details['status']);
  return status === 0 || status >= 500
    ? new Failure(error.code, error.message, {
        remedy: error.remedy,
        retryable: true,
        cause: error.cause,
        details: error.details,
      })
    : error;
}

function runUrl(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const {GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run} = env;
  return server && repository && run ? `${server}/${repository}/actions/runs/${run}` : undefined;
}
