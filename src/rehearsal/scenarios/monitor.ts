import {join} from 'node:path';
import {Client} from 'pg';
import {type Check, check} from '../outside.js';
import type {Outcome, Scenario} from '../scenario.js';
import {type Between, ran, servesRelease, stepOutput} from '../scenario-checks.js';
import type {World} from '../world.js';
import {watchedWeek} from './monitor-week.js';

/** A run by hand that looks for some seconds, as fast as the rehearsal's patience allows. */
const looking = {duration: '8s', interval: '250ms'};

/** The backend answers with errors to everything that reads items; its own health check notices nothing. */
async function breakItems(world: World): Promise<void> {
  await ask(world, 'ALTER TABLE items RENAME TO items_gone');
}

async function mendItems(world: World): Promise<void> {
  await ask(world, 'ALTER TABLE items_gone RENAME TO items');
}

async function ask({databaseUrl}: World, sql: string): Promise<void> {
  const client = new Client({connectionString: databaseUrl});
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** What each receiver took about the broken service, newest last. */
function heard({webhooks, mail}: World) {
  const isOurs = (text: string) => /\bitems (is|are)\b/.test(text);
  const texts = (to: string) =>
    webhooks.deliveries
      .filter((one) => one.to === to)
      .map(({body}) => JSON.stringify(body))
      .filter(isOurs);
  return {
    slack: texts('slack'),
    pager: texts('signed'),
    mail: mail.mails.filter(({content}) => isOurs(content.subject ?? '')),
  };
}

function counts(world: World): string {
  const {slack, pager, mail} = heard(world);
  return `${slack.length} in Slack, ${pager.length} signed, ${mail.length} by mail`;
}

function issueOf({github}: World) {
  return github.issues().filter(({title}) => /\bitems (is|are)\b/.test(title));
}

function alertedOnce(outcome: Between): Check[] {
  const {world} = outcome;
  const {slack, pager, mail} = heard(world);
  const release = outcome.results[0]?.jobs['prepare']?.outputs['release'] ?? 'none';
  const issues = issueOf(world);
  return [
    ran(outcome, 'success'),
    check(stepOutput(outcome, 'monitor', 'monitor', 'state') === 'down', 'the monitor says down'),
    check(slack.length === 1 && pager.length === 1 && mail.length === 1, `one alert each: ${counts(world)}`),
    check(
      [...slack, ...pager, ...mail.map(({raw}) => raw.toString())].every((text) => text.includes(release)),
      `each names the suspect release ${release}`,
    ),
    check(
      mail.every(({secure, user}) => secure && user === 'watch'),
      'the mail came over TLS, with a login',
    ),
    check(issues.length === 1 && issues[0]?.state === 'open', 'one issue is open'),
  ];
}

function recoveredOnce(outcome: Between): Check[] {
  const {slack, pager, mail} = heard(outcome.world);
  const issues = issueOf(outcome.world);
  const last = [slack.at(-1), pager.at(-1), mail.at(-1)?.content.subject];
  return [
    ran(outcome, 'success'),
    check(
      [slack, pager, mail].every(({length}) => length === 2),
      `one recovery each: ${counts(outcome.world)}`,
    ),
    check(
      last.every((text) => /up again after/.test(text ?? '')),
      'each says how long it lasted',
    ),
    check(issues.length === 1 && issues[0]?.state === 'closed', 'the issue is closed'),
  ];
}

function toldElsewhere(outcome: Between): Check[] {
  const {world, result} = outcome;
  const {slack, pager, mail} = heard(world);
  const told = world.webhooks.deliveries.filter(({body}) => body?.type === 'switchback.broken-channel').length;
  const byMail = world.mail.mails.filter(({content}) => content.subject?.includes('could not be told')).length;
  // As the log has them, which every engine keeps.
  const errors = result.log.filter((line) => line.includes('##[error]'));
  return [
    ran(outcome, 'failure'),
    check(
      slack.length === 2 && pager.length >= 3 && mail.length >= 3,
      `Slack heard nothing, the others did: ${counts(world)}`,
    ),
    check(told + byMail === 1, 'that Slack is broken was said once, on another channel'),
    check(
      errors.some((message) => message.includes('oncall')) && !errors.join().includes('/services/'),
      'the run says which channel, without its address',
    ),
  ];
}

export const monitor: Scenario = {
  name: 'monitor',
  about: 'an outage, a broken channel, and a week in fast time with slow answers and flapping: one alert each',
  config: {
    monitor: {
      interval: '10s',
      'confirm-every': '50ms',
      history: {type: 'bucket'},
      'after-release': {for: '0s'},
    },
    alerts: {
      channels: {
        oncall: {type: 'slack', 'url-env': 'SLACK_WEBHOOK_URL'},
        mail: {
          type: 'email',
          from: 'watch@shop.example',
          to: ['ops@shop.example'],
          'server-env': 'SMTP_URL',
          ca: 'keys/mail.pem',
        },
        pager: {type: 'webhook', 'url-env': 'ALERT_WEBHOOK_URL', 'secret-env': 'ALERT_WEBHOOK_SECRET'},
        issues: {type: 'github-issue'},
      },
    },
  },
  acts: [
    {
      workflow: 'release',
      commit: 'v2',
      after: async (outcome) => [ran(outcome, 'success'), ...(await servesRelease(outcome, 'v2'))],
    },
    {
      workflow: 'monitor',
      commit: 'v2',
      after: (outcome) => [
        ran(outcome, 'success'),
        check(stepOutput(outcome, 'monitor', 'monitor', 'down') === '', 'nothing is down'),
        check(heard(outcome.world).slack.length === 0, 'nobody is alerted about it'),
      ],
    },
    {workflow: 'monitor', commit: 'v2', inputs: looking, before: breakItems, after: alertedOnce},
    {
      workflow: 'monitor',
      commit: 'v2',
      inputs: looking,
      after: (outcome) => [check(heard(outcome.world).slack.length === 1, 'a further run says nothing again')],
    },
    {workflow: 'monitor', commit: 'v2', inputs: looking, before: mendItems, after: recoveredOnce},
    {
      workflow: 'monitor',
      commit: 'v2',
      inputs: looking,
      before: async (world) => {
        world.webhooks.faults.push({
          route: 'POST /services/*',
          times: 99,
          fault: {kind: 'status', status: 410, body: 'channel_is_archived'},
        });
        await breakItems(world);
      },
      after: toldElsewhere,
    },
    {workflow: 'monitor', commit: 'v2', inputs: looking, before: mendItems},
  ],
  outcome: 'one alert and one recovery each',
  judge: async (outcome) => [...quietAgain(outcome), ...(await watchedWeek(join(outcome.world.folder, 'week')))],
};

/** It fell twice within the hour: it must stay up for five minutes before anybody is told that it is well. */
function quietAgain({world}: Outcome): Check[] {
  const {slack, pager, mail} = heard(world);
  const last = [pager.at(-1), mail.at(-1)?.content.subject];
  return [
    check(slack.length === 2, 'Slack, which was never told, hears nothing of the second outage'),
    check(pager.at(-1)?.includes('flapping') ?? false, 'the second alert calls it flapping'),
    check(
      last.every((text) => !/up again/.test(text ?? '')),
      'and nobody is told too early that it is over',
    ),
  ];
}
