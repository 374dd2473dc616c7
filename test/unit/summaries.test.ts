import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {Failure} from '../../src/kernel/errors.js';
import {deploymentSummary} from '../../src/report/deployment-summary.js';
import {preflightSummary} from '../../src/report/preflight-summary.js';
import {link} from '../../src/report/text.js';
import {type Report, runAction} from '../../src/runner/run-action.js';
import {defineAction, text} from '../../src/runner/spec.js';

/** What a reader of a run's page sees first: how it ended, what was found, and what to do now. */

describe('links to the platforms', () => {
  test.each<[what: string, url: string, shown: string]>([
    ['an address', 'https://vercel.com/acme/shop/dpl_1', '[page](https://vercel.com/acme/shop/dpl_1)'],
    ['one that would end the link', 'https://x.example/a)b(c', '[page](https://x.example/a%29b%28c)'],
    ['one that would end the cell', 'https://x.example/?a=1|2', '[page](https://x.example/?a=1%7C2)'],
    ['a script', 'javascript:alert(1)', 'javascript:alert\\(1\\)'],
    ['no address at all', 'soon', 'soon'],
  ])('%s', (_what, url, shown) => expect(link('page', url)).toBe(shown));
});

test('a deployment links its page and its log', () => {
  const summary = deploymentSummary(
    {
      component: 'frontend',
      deploymentId: 'dpl_1',
      outcome: 'ready',
      staged: true,
      adopted: false,
      url: 'https://shop-a1.vercel.app',
      inspectUrl: 'https://vercel.com/acme/shop/1',
      durationMs: 2_000,
      warnings: [],
    },
    'c'.repeat(40),
  );
  expect(summary.split('\n')[0]).toBe('## ✅ Deploy frontend: ready, users do not see it yet');
  expect(summary).toContain('](https://shop-a1.vercel.app/)');
  expect(summary).toContain('[on the platform](https://vercel.com/acme/shop/1)');
});

test('a preflight begins with what is to do, the worst first; what is well is folded away', () => {
  const row = (state: 'ok' | 'warning' | 'problem' | 'unknown', check: string) => ({
    area: 'backend',
    check,
    state,
    found: 'x',
    remedy: `fix ${check}`,
  });
  const summary = preflightSummary(
    [row('ok', 'token'), row('warning', 'trigger'), row('problem', 'way back'), row('unknown', 'scope')],
    '❌ Preflight',
  );
  expect(summary.split('\n')[0]).toBe('## ❌ Preflight: 1 to fix, 1 not verifiable, 1 to look at, 1 well');
  const at = (word: string) => summary.indexOf(word);
  expect(at('fix way back')).toBeLessThan(at('fix scope'));
  expect(at('fix scope')).toBeLessThan(at('fix trigger'));
  expect(at('<details>')).toBeLessThan(at('| token |'));
  expect(at('fix trigger')).toBeLessThan(at('<details>'));
});

describe('a step that fails', () => {
  let folder: string;
  let before: NodeJS.ProcessEnv;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'switchback-summary-'));
    before = {...process.env};
    process.env['GITHUB_STEP_SUMMARY'] = join(folder, 'summary');
    process.env['GITHUB_OUTPUT'] = join(folder, 'output');
  });
  afterEach(() => {
    process.env = before;
    process.exitCode = 0;
    rmSync(folder, {recursive: true, force: true});
  });

  const spec = defineAction({
    name: 'example',
    description: 'x',
    icon: 'x',
    inputs: {given: text({doc: 'x', default: 'y'})},
    outputs: {},
  });
  const summaryOf = async (flow: () => Promise<Report<typeof spec>>) => {
    await runAction(spec, flow);
    return readFileSync(join(folder, 'summary'), 'utf8');
  };
  const failure = new Failure('AUTH', 'Vercel refused ``` [x](http://evil.example) @all', {
    remedy: 'Renew `VERCEL_TOKEN`.',
  });

  test('before it had anything to report says why and what next, and foreign text stays text', async () => {
    const summary = await summaryOf(() => Promise.reject(failure));
    expect(summary.split('\n')[0]).toBe('## ❌ example stopped');
    expect(summary).toContain('````text\nVercel refused ``` [x](http://evil.example) @all\n````');
    expect(summary).toContain('**Next:** Renew `VERCEL_TOKEN`. `AUTH`');
  });

  test('with a report ends with what next', async () => {
    const summary = await summaryOf(() => Promise.resolve({outputs: {}, summary: '## ❌ Deploy: error', failure}));
    expect(summary).toMatch(/^## ❌ Deploy: error\n\n\*\*Next:\*\* Renew/);
  });

  test('and one that went well says nothing of its own', async () => {
    const summary = await summaryOf(() => Promise.resolve({outputs: {}, summary: '## ✅ Fine'}));
    expect(summary).toBe('## ✅ Fine\n');
  });
});
