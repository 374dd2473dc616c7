import {join, resolve} from 'node:path';
import type {Config} from '../config/schema.js';
import {refusal} from '../kernel/errors.js';
import {branchFiles} from '../monitor/branch-files.js';
import {folderFiles, type HistoryFiles} from '../monitor/history-files.js';
import {type BackupAccess, backupSettings, openBackupStore} from './backup-access.js';
import {bucketFiles} from './monitor-bucket.js';

export interface HistoryPlace {
  readonly 'history-type'?: 'folder' | 'branch' | 'bucket' | undefined;
  readonly 'history-folder'?: string | undefined;
  readonly 'history-branch'?: string | undefined;
  readonly 'github-token'?: string | undefined;
}

/**
 * Opens the monitor's history where inputs or file say it lies.
 * @throws refusal INPUT when the branch's repository is not known; Failure HISTORY_BRANCH when it cannot be reached.
 */
export async function openHistoryFiles(
  config: Config,
  inputs: HistoryPlace & BackupAccess,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<HistoryFiles & Partial<AsyncDisposable>> {
  const {history} = config.monitor;
  const root = env['GITHUB_WORKSPACE'] ?? process.cwd();
  const type = inputs['history-type'] ?? history.type;
  if (type === 'folder') return folderFiles(resolve(root, inputs['history-folder'] ?? history.folder));
  if (type === 'bucket')
    return bucketFiles(
      await openBackupStore(backupSettings(config, inputs), inputs, root),
      `${config.product}/monitor`,
    );
  const {GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository} = env;
  if (!server || !repository)
    throw refusal('INPUT', 'The inputs were', [
      {
        where: 'input `history-type`',
        what: 'is branch, but GITHUB_SERVER_URL and GITHUB_REPOSITORY do not say of which repository',
        remedy: 'Run inside GitHub Actions, or choose folder or bucket',
      },
    ]);
  const token = inputs['github-token'];
  return branchFiles({
    remote: `${server}/${repository}`,
    branch: inputs['history-branch'] ?? history.branch,
    ...(token ? {token} : {}),
    signal,
  });
}

/** The folder of the status page. */
export function pageFolder(
  config: Config,
  input: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  return join(env['GITHUB_WORKSPACE'] ?? process.cwd(), input ?? config.monitor.page);
}
