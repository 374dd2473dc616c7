import {isAbsolute} from 'node:path';
import {type Problem, refusal} from '../../kernel/errors.js';

export interface VercelOptions {
  /** Access token; a project-scoped one is enough. */
  readonly token: string;
  /** `prj_…` id, or the project's name. */
  readonly project: string;
  /** `team_…` id, or the team's slug. Without it the token owner's default scope is used. */
  readonly team?: string;
  /**
   * Default `https://api.vercel.com`. Deployment hosts are reached by the scheme of this address, so that a stand-in
   * on plain http works as a whole.
   */
  readonly apiUrl?: string;
  /** Hosts that must serve the promoted deployment. Default: the project's verified production domains. */
  readonly productionHosts?: readonly string[];
  /** Protection bypass secret for probes of protected deployment URLs. */
  readonly protectionBypass?: string;
  /** Upload `.vercel/output` that was built before, instead of sources. */
  readonly prebuilt?: boolean;
  /** Folder of the app inside a monorepo, when the project has none set. */
  readonly rootDirectory?: string;
  /** `auto` packs the upload into one archive above 1,000 files. */
  readonly archive?: 'auto' | 'tgz' | 'none';
  /** Where the upload is staged; default RUNNER_TEMP (same disk as the workspace), else the system's. */
  readonly temporaryFolder?: string;
}

/** Options with defaults filled in and everything that could not work refused. */
export interface Settings extends VercelOptions {
  readonly apiUrl: string;
  readonly archive: 'auto' | 'tgz' | 'none';
  readonly prebuilt: boolean;
}

/** @throws refusal VERCEL_OPTIONS naming every option that cannot work; the token is never quoted. */
export function settle(options: VercelOptions): Settings {
  const problems = [...credentialProblems(options), ...addressProblems(options), ...folderProblems(options)];
  if (problems.length > 0) throw refusal('VERCEL_OPTIONS', 'The Vercel settings were', problems);
  return {
    ...options,
    token: options.token.trim(),
    apiUrl: (options.apiUrl ?? 'https://api.vercel.com').replace(/\/+$/, ''),
    archive: options.archive ?? 'auto',
    prebuilt: options.prebuilt ?? false,
  };
}

function credentialProblems(options: VercelOptions): Problem[] {
  const problems: Problem[] = [];
  // A token with a line break would be quoted by fetch in its own error text.
  if (!/^[\x21-\x7e]+$/.test(options.token.trim())) {
    problems.push({
      where: 'token',
      what: options.token.trim() === '' ? 'it is empty' : 'it holds characters that no token has',
      remedy: 'Pass an access token made at https://vercel.com/account/tokens, best one scoped to this project.',
    });
  }
  if (!/^[\w.-]+$/.test(options.project)) {
    problems.push({
      where: 'project',
      what: 'it is not a project id or name',
      remedy: 'Pass the `prj_…` id from the project’s settings page.',
    });
  }
  if (options.team !== undefined && !/^[\w.-]+$/.test(options.team)) {
    problems.push({
      where: 'team',
      what: 'it is not a team id or slug',
      remedy: 'Pass the `team_…` id from the team’s settings page, or leave it out for a personal account.',
    });
  }
  if (options.protectionBypass !== undefined && !/^[\x21-\x7e]+$/.test(options.protectionBypass)) {
    problems.push({
      where: 'protectionBypass',
      what: 'it holds characters that no secret has',
      remedy: 'Copy the secret again from the project’s Deployment Protection settings.',
    });
  }
  return problems;
}

function addressProblems(options: VercelOptions): Problem[] {
  const problems: Problem[] = [];
  if (options.apiUrl !== undefined && !/^https?:\/\/[^\s/]+(\/[^\s?#]*)?$/.test(options.apiUrl)) {
    problems.push({
      where: 'apiUrl',
      what: 'it is not an http or https address',
      remedy: 'Leave it out to use https://api.vercel.com.',
    });
  }
  for (const host of options.productionHosts ?? []) {
    if (!/^[a-z0-9.-]+(:\d+)?$/i.test(host)) {
      problems.push({
        where: 'productionHosts',
        what: `\`${host.slice(0, 80)}\` is not a host name`,
        remedy: 'Give hosts alone, such as www.example.com, without scheme or path.',
      });
    }
  }
  return problems;
}

function folderProblems(options: VercelOptions): Problem[] {
  const folder = options.rootDirectory;
  if (folder === undefined || (!isAbsolute(folder) && !folder.split(/[\\/]/).includes('..'))) return [];
  return [
    {
      where: 'rootDirectory',
      what: 'it leaves the upload folder',
      remedy: 'Give it relative to the repository, such as apps/web.',
    },
  ];
}

/** `http` beside a stand-in, `https` otherwise. */
export function deploymentUrl(settings: Settings, host: string): string {
  return `${settings.apiUrl.startsWith('http:') ? 'http' : 'https'}://${host}`;
}
