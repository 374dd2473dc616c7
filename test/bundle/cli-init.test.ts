import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {parse} from 'yaml';
import {parseConfig} from '../../src/config/load-config.js';
import {runCommand} from './cli.js';

const commit = '0123456789abcdef0123456789abcdef01234567';
let folder: string;
let repository: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchback-init-'));
  repository = join(folder, 'shop');
  for (const [path, text] of Object.entries({
    'frontend/next.config.js': '',
    'frontend/.vercel/project.json': '{"projectId":"prj_shop","orgId":"team_acme"}',
    'frontend/.env.example':
      'NEXT_PUBLIC_API_URL=http://localhost:8000\nAPI_HOST=localhost\nSTRIPE_API_URL=https://s\n',
    'frontend/.env.local': 'VITE_API_URL=http://never.read\n',
    'backend/requirements.txt': 'flask',
    'backend/migrations/001.sql': '',
    'backend/railway.json': '{"deploy":{"healthcheckPath":"/api/health"}}',
  })) {
    mkdirSync(join(repository, path, '..'), {recursive: true});
    writeFileSync(join(repository, path), text);
  }
  const git = (...args: string[]) => execFileSync('git', args, {cwd: repository});
  git('init', '-q', '-b', 'main');
  git('remote', 'add', 'origin', 'git@github.com:acme/shop.git');
});
afterEach(() => rmSync(folder, {recursive: true, force: true}));

const enough = [
  '--yes',
  '--frontend-url',
  'https://shop.example',
  '--railway-service',
  'api',
  '--backend-url',
  'https://api.shop.example',
  '--bucket',
  'shop-backups',
  '--switchback',
  `acme/switchback@${commit}`,
];
const run = (...args: string[]) => runCommand(['init', ...args], {cwd: repository, env: {HOME: folder}});
const read = (path: string) => readFileSync(join(repository, path), 'utf8');

test('writes what it found, and says what is left to do', async () => {
  const key = join(folder, 'keys', 'shop.asc');
  const made = await run(...enough, '--key-out', key);
  expect(made).toMatchObject({exitCode: 0, stderr: ''});

  const {config} = parseConfig(read('.github/switchback.yml'), 'switchback.yml');
  expect(config).toMatchObject({
    product: 'shop',
    frontend: {
      project: 'prj_shop',
      team: 'team_acme',
      path: 'frontend',
      'backend-variables': {NEXT_PUBLIC_API_URL: '{url}', API_HOST: '{host}'},
    },
    backend: {service: 'api', path: 'backend'},
    checks: [{name: 'home page'}, {name: 'backend', path: '/api/health'}],
    database: {migrations: 'backend/migrations'},
    backup: {recipients: ['keys/backup.asc']},
  });
  expect(parse(read('.github/workflows/release.yml'))).toMatchObject({
    permissions: {},
    jobs: {release: {uses: `acme/switchback/.github/workflows/release.yml@${commit}`}},
  });
  expect(parse(read('.github/workflows/disaster-recovery.yml'))).toMatchObject({
    on: {
      workflow_dispatch: {
        inputs: {database: {type: 'boolean', default: false}, confirm: {type: 'string'}, rebuild: {type: 'boolean'}},
      },
    },
    jobs: {
      'disaster-recovery': {
        uses: `acme/switchback/.github/workflows/disaster-recovery.yml@${commit}`,
        with: {confirm: '${{ inputs.confirm }}'},
        secrets: {BACKUP_PRIVATE_KEY: '${{ secrets.BACKUP_PRIVATE_KEY }}'},
      },
    },
  });
  expect(Object.keys(config.frontend!['backend-variables']!)).toHaveLength(2);
  expect(parse(read('.github/workflows/rollback.yml')).on.workflow_dispatch.inputs.component.options).toContain(
    'database',
  );
  expect(made.stdout).toContain(`gh secret set BACKUP_PRIVATE_KEY --repo acme/shop --env disaster-recovery < ${key}`);
  expect(made.stdout).toContain('gh secret set VERCEL_TOKEN --repo acme/shop --env production');

  expect(statSync(key).mode & 0o777).toBe(0o600);
  expect(readFileSync(key, 'utf8')).toContain('PRIVATE KEY');
  expect(read('keys/backup.asc')).toContain('PUBLIC KEY');
  expect(made.stdout).not.toContain('PRIVATE KEY BLOCK');
});

test('a second run changes nothing', async () => {
  await run(...enough);
  expect((await run(...enough)).stdout).toContain('Nothing to write');
});

test('a file that differs is shown and kept until someone agrees', async () => {
  await run(...enough);
  writeFileSync(join(repository, '.github/switchback.yml'), 'version: 1\nproduct: mine\n');
  const refused = await run(...enough);
  expect(refused.exitCode).toBe(1);
  expect(refused.stdout).toContain('-product: mine');
  expect(refused.stderr).toContain('--overwrite');
  expect(read('.github/switchback.yml')).toContain('mine');

  expect((await run(...enough, '--overwrite')).exitCode).toBe(0);
  expect(read('.github/switchback.yml')).toContain('product: shop');
});

test('what cannot be found out is asked for by flag, all at once, and nothing is written', async () => {
  const refused = await run('--yes', '--switchback', `acme/switchback@${commit}`);
  expect(refused.exitCode).toBe(2);
  for (const flag of ['--frontend-url', '--railway-service', '--backend-url']) expect(refused.stderr).toContain(flag);
  expect(existsSync(join(repository, '.github'))).toBe(false);
});

test.each(['shop.asc', 'backend/shop.asc'])('a private key never goes into the repository (%s)', async (path) => {
  const refused = await run(...enough, '--key-out', join(repository, path));
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain('inside the repository');
  expect(existsSync(join(repository, path))).toBe(false);
});

test('a private key is never replaced', async () => {
  const key = join(folder, 'shop.asc');
  writeFileSync(key, 'older');
  expect((await run(...enough, '--key-out', key)).stderr).toContain('[KEY_EXISTS]');
  expect(readFileSync(key, 'utf8')).toBe('older');
});
