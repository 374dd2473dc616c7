import {join} from 'node:path';
import type {Canary} from './canary/canary.js';
import type {EngineEvent, WorkflowRequest, WorkflowRun} from './engine/engine.js';
import {names, secrets, type World} from './world.js';

/** A file in .github/workflows, without its ending. */
export type WorkflowName =
  | 'release'
  | 'rollback'
  | 'backup'
  | 'restore-drill'
  | 'maintenance'
  | 'disaster-recovery'
  | 'monitor';

export interface RunRequest {
  readonly world: World;
  /** Folder of this suite: workflow files and bundles come from here, as they are committed. */
  readonly suiteRoot: string;
  readonly workflow: WorkflowName;
  /** Commit that the run is for. */
  readonly sha: string;
  readonly event?: {readonly name: string; readonly inputs?: Readonly<Record<string, string | boolean>>};
  readonly vars?: Readonly<Record<string, string>> | undefined;
  /** Secrets with another value than usual. */
  readonly secrets?: Readonly<Record<string, string>> | undefined;
  readonly nodePath: string;
  /** Starts a run: the embedded engine, or act. */
  readonly start: (request: WorkflowRequest) => WorkflowRun;
  readonly onEvent: (event: EngineEvent) => void;
  /** Secrets on top of those the product needs, and who is told of everything unmasked. */
  readonly canary?: Pick<Canary, 'more' | 'onRaw'>;
}

let runs = 0;

/** What must not get out of a run, by the name it has in a workflow. The id of a key pair stands in every request. */
export function secretsOf(world: World): Record<string, string> {
  return {
    GITHUB_TOKEN: secrets.githubToken,
    VERCEL_TOKEN: secrets.vercelToken,
    RAILWAY_TOKEN: secrets.railwayToken,
    REBUILT_RAILWAY_TOKEN: secrets.rebuiltRailwayToken,
    DATABASE_URL: world.databaseUrl,
    BACKUP_SECRET_ACCESS_KEY: secrets.secretAccessKey,
    BACKUP_PRIVATE_KEY: world.keys.privateKey,
  };
}

/** Starts one workflow file as GitHub would for the rehearsed product's repository. */
export function runWorkflow({
  world,
  suiteRoot,
  workflow,
  sha,
  event,
  vars,
  secrets: changed,
  nodePath,
  start,
  onEvent,
  canary,
}: RunRequest): WorkflowRun {
  return start({
    file: join(suiteRoot, '.github', 'workflows', `${workflow}.yml`),
    suiteRoot,
    repository: {path: world.product.dir, owner: names.owner, name: names.repository, sha, ref: 'refs/heads/main'},
    event: event ?? {name: 'push'},
    secrets: {
      ...canary?.more,
      VERCEL_TOKEN: secrets.vercelToken,
      RAILWAY_TOKEN: secrets.railwayToken,
      DATABASE_URL: world.databaseUrl,
      BACKUP_ACCESS_KEY_ID: secrets.accessKeyId,
      BACKUP_SECRET_ACCESS_KEY: secrets.secretAccessKey,
      CHECK_SECRETS: world.sample.checkSecrets,
      BACKUP_PRUNER_ACCESS_KEY_ID: secrets.accessKeyId,
      BACKUP_PRUNER_SECRET_ACCESS_KEY: secrets.secretAccessKey,
      ...alertSecrets(world),
      ...changed,
    },
    // As on GitHub: no other workflow can read the key that opens a set.
    environments: Object.fromEntries(
      ['restore-drill', 'disaster-recovery', 'schema-trial'].map((name) => [
        name,
        {secrets: {BACKUP_PRIVATE_KEY: world.keys.privateKey}},
      ]),
    ),
    vars: {BACKUP_RETENTION: 'plan', ...vars},
    apiUrl: world.github.url,
    token: secrets.githubToken,
    workDir: join(world.folder, `run-${++runs}`),
    nodePath,
    runId: 1_000 + runs,
    actor: 'rehearsal',
    onEvent,
    ...(canary && {onRaw: canary.onRaw}),
  });
}

/** Where alerts go: receivers of this machine. */
function alertSecrets({webhooks, mail}: World): Record<string, string> {
  return {
    SLACK_WEBHOOK_URL: webhooks.slackUrl,
    ALERT_WEBHOOK_URL: webhooks.signedUrl,
    ALERT_WEBHOOK_SECRET: secrets.webhookKey,
    SMTP_URL: `smtp://${secrets.mailUser}:${secrets.mailPassword}@127.0.0.1:${mail.port}`,
  };
}
