import type {Config} from '../config/schema.js';
import type {ReleaseRecord} from '../ledger/record.js';
import type {HistoryFiles} from '../monitor/history-files.js';
import type {Run} from '../runner/run-action.js';
import {openChannels, openHeartbeat} from './alert-channels.js';
import type {BackupAccess} from './backup-access.js';
import {checkSecrets} from './check-secrets.js';
import {openLedger} from './ledger-access.js';
import {certificateFreshness} from './monitor-certificates.js';
import {MonitorSession} from './monitor-flow.js';
import {askedEvery, backupFreshness} from './monitor-freshness.js';
import {type HistoryPlace, openHistoryFiles, pageFolder} from './monitor-history.js';
import {readProduct} from './product.js';

/** Inputs of the monitor, whoever starts it. */
export interface MonitorInputs extends HistoryPlace, BackupAccess {
  readonly config: string;
  readonly 'github-token'?: string | undefined;
  readonly page?: string | undefined;
  readonly 'page-url'?: string | undefined;
  readonly 'vercel-protection-bypass'?: string | undefined;
  readonly 'check-secrets'?: Readonly<Record<string, string>> | undefined;
}

export interface OpenMonitor extends AsyncDisposable {
  readonly config: Config;
  readonly session: MonitorSession;
  readonly files: HistoryFiles;
  /** Folder of the status page. */
  readonly folder: string;
}

/**
 * Opens everything a monitor needs, for one job or for ever.
 * @throws refusals of configuration, channels and checks, before anything is asked.
 */
export async function openMonitor(inputs: MonitorInputs, runner: Run): Promise<OpenMonitor> {
  const root = runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
  const {config} = await readProduct(inputs, root, runner.env['GITHUB_REPOSITORY']);
  const channels = await openChannels(config.alerts, inputs, runner, root);
  // Not stopped by the run's signal: what was noted is made lasting after a cancel too.
  const files = await openHistoryFiles(config, inputs, runner.env, new AbortController().signal);
  try {
    const session = await MonitorSession.open({
      config,
      files,
      channels,
      signal: runner.signal,
      resolveSecret: checkSecrets(inputs, runner),
      protectionBypass: inputs['vercel-protection-bypass'],
      releases: () => releasesOf(inputs, config, runner),
      freshness: [backupFreshness(config, inputs, runner.signal), certificateFreshness(config, runner.signal)].map(
        (ask) => ask && askedEvery(freshnessEveryMs, ask),
      ),
      heartbeat: openHeartbeat(config, runner),
      links: linksOf(inputs, runner),
      warn: (message) => runner.annotate({level: 'warning', title: 'Monitor', message}),
    });
    return {
      config,
      session,
      files,
      folder: pageFolder(config, inputs.page, runner.env),
      [Symbol.asyncDispose]: async () => {
        await session[Symbol.asyncDispose]();
        try {
          await files.flush();
        } finally {
          await files[Symbol.asyncDispose]?.();
        }
      },
    };
  } catch (error) {
    await files[Symbol.asyncDispose]?.();
    throw error;
  }
}

const freshnessEveryMs = 300_000;

/** Deep enough that a busy day of releases does not hide the last good one. */
const recordsRead = 30;

async function releasesOf(inputs: MonitorInputs, config: Config, runner: Run): Promise<ReleaseRecord[]> {
  const ledger = await openLedger(config, inputs, runner);
  const records: ReleaseRecord[] = [];
  for await (const record of ledger.store.list(recordsRead)) records.push(record);
  return records;
}

function linksOf(inputs: MonitorInputs, {env}: Run) {
  const {GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: id} = env;
  return [
    ...(inputs['page-url'] ? [{text: 'Status page', url: inputs['page-url']}] : []),
    ...(server && repository && id ? [{text: 'Run', url: `${server}/${repository}/actions/runs/${id}`}] : []),
  ];
}
