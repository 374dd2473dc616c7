import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {parseConfig} from '../../src/config/load-config.js';
import type {Settings} from '../../src/platforms/railway/settings.js';
import {rebuildFindings} from '../../src/release/rebuild-finding.js';
import {frontendVariables, keepsAddress, planRebuild} from '../../src/release/rebuild-plan.js';

const settings = (more: Partial<Settings> = {}): Settings => ({
  service: {},
  domains: [],
  variables: {},
  sharedVariables: {},
  sealed: [],
  ...more,
});
const plan = (more: Partial<Settings>, sealed: Record<string, string> = {}, present: string[] = []) =>
  planRebuild({settings: settings(more), service: 'api', lostDatabase: 'shop', sealed, present});

describe('the database service', () => {
  test.each([
    ['is the one that the variables refer to', {DATABASE_URL: '${{Main DB.DATABASE_URL}}'}, 'Main DB'],
    ['is told by a part of its address too', {HOST: '${{ Pg.PGHOST }}'}, 'Pg'],
    ['is not another service', {OTHER: '${{worker.PORT}}', DB: '${{Pg.DATABASE_URL}}'}, 'Pg'],
    [
      'is not what shared or own variables are called',
      {A: '${{shared.DATABASE_URL}}', B: '${{DATABASE_URL}}'},
      'Postgres',
    ],
    ['has the usual name when none is referred to', {DATABASE_URL: 'postgres://u:p@h/shop'}, 'Postgres'],
  ])('%s', (_what, variables, name) => {
    expect(plan({variables}).database).toBe(name);
  });
});

describe('addresses of the lost database', () => {
  test('become references, and what they say besides is kept', () => {
    const variables = {
      DATABASE_URL: 'postgresql://u:p@old.proxy.rlwy.net:4711/shop?sslmode=require&schema=public',
      PLAIN: 'postgres://u:p@h/shop',
      REPORTS: 'postgres://u:p@elsewhere/warehouse',
      PORT: '3000',
    };
    const found = plan({variables, sharedVariables: {DB: 'postgres://u:p@h/shop'}});
    expect(found.variables).toEqual({
      ...variables,
      DATABASE_URL: '${{Postgres.DATABASE_URL}}?schema=public',
      PLAIN: '${{Postgres.DATABASE_URL}}',
    });
    expect(found.sharedVariables).toEqual({DB: '${{Postgres.DATABASE_URL}}'});
    expect(found.redirected).toEqual(['DATABASE_URL', 'PLAIN', 'DB']);
    expect(found.problems).toEqual([]);
  });

  test('leave every other value as it is', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[A-Z_]{1,12}$/), fc.string()), (variables) => {
        const others = Object.fromEntries(Object.entries(variables).filter(([, value]) => !/^postgres/.test(value)));
        expect(plan({variables: others}).variables).toEqual(others);
      }),
    );
  });
});

describe('what stands in the way is told at once', () => {
  test('sealed values nobody gave, and services that nobody makes', () => {
    const found = plan(
      {sealed: ['STRIPE_KEY', 'MAIL_KEY'], variables: {CACHE: '${{Redis.REDIS_URL}}', SELF: '${{api.PORT}}'}},
      {MAIL_KEY: 'given'},
    );
    expect(found.problems.map(({where}) => where)).toEqual(['variable `STRIPE_KEY`', 'service `Redis`']);
    expect(found.problems.every(({remedy}) => remedy.length > 10)).toBe(true);
    expect(found.variables).toMatchObject({MAIL_KEY: 'given'});
  });

  test('nothing, once they are there; and a value for a name that was not sealed is not taken', () => {
    const more = {sealed: ['STRIPE_KEY'], variables: {CACHE: '${{Redis.REDIS_URL}}'}};
    const found = plan(more, {STRIPE_KEY: 'given', PORT: '1'}, ['Redis']);
    expect(found.problems).toEqual([]);
    expect(found.variables).toEqual({...more.variables, STRIPE_KEY: 'given'});
  });
});

test('the address stays when its own domain goes along, and only then', () => {
  const domains = [
    {domain: 'api.shop.example', kind: 'custom' as const},
    {domain: 'shop.up.railway.app', kind: 'service' as const},
  ];
  expect(keepsAddress(settings({domains}), 'https://api.shop.example/v1')).toBe(true);
  expect(keepsAddress(settings({domains}), 'https://shop.up.railway.app')).toBe(false);
});

test('variables of the frontend get address or host where their template says so', () => {
  expect(frontendVariables({A: '{url}/v1', B: 'wss://{host}/live'}, 'https://new.example:8443')).toEqual({
    A: 'https://new.example:8443/v1',
    B: 'wss://new.example:8443/live',
  });
});

describe('preflight tells whether a rebuild would find its way', () => {
  const found = (url: string, more = '') =>
    rebuildFindings(
      parseConfig(
        `version: 1
product: shop
frontend: {project: prj_shop, url: 'https://shop.example'${more}}
backend: {service: api, url: '${url}'}
backup: {storage: {type: s3, bucket: b}, recipients: [keys/a.asc]}
`,
        'switchback.yml',
      ).config,
    );
  test.each([
    ['an address that dies with the project', 'https://api.up.railway.app', '', ['warning']],
    ['the same with variables named', 'https://api.up.railway.app', ", backend-variables: {API_URL: '{url}'}", ['ok']],
    ['a domain of its own', 'https://api.shop.example', '', []],
  ])('%s', (_what, url, more, states) => {
    expect(found(url, more).map(({state}) => state)).toEqual(states);
  });

  test('a template without a place for the address is refused', () => {
    expect(() => found('https://a.example', ", backend-variables: {API_URL: 'https://b.example'}")).toThrow(
      /must hold `\{url\}` or `\{host\}`/,
    );
  });
});
