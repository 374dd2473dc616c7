import {post} from './delivery.js';
import {type Channel, headline, type Message, plainText, utc} from './message.js';

/** Slack's published limits of an incoming webhook's message. */
export const slackLimits = {
  blocks: 50,
  headerText: 150,
  sectionText: 3_000,
  fields: 10,
  fieldText: 2_000,
  actions: 25,
  buttonText: 75,
  buttonUrl: 3_000,
  contextElements: 10,
  text: 4_000,
} as const;

/** @param url the incoming webhook's address, which is a secret. */
export function slackChannel(name: string, url: string): Channel {
  return {name, type: 'slack', send: (message) => post(name, url, JSON.stringify(slackPayload(message)))};
}

/** The message as Slack's blocks, within `slackLimits` whatever the message holds. */
export function slackPayload(message: Message) {
  const {facts, detail, links} = message;
  const fields = facts.slice(0, slackLimits.fields).map(([label, value]) => ({
    type: 'mrkdwn',
    text: cut(`*${escaped(label)}*\n${escaped(value) || '—'}`, slackLimits.fieldText),
  }));
  const buttons = links
    .filter(({url}) => url.length <= slackLimits.buttonUrl)
    .slice(0, slackLimits.actions)
    .map(({text, url}, i) => ({
      type: 'button',
      action_id: `link-${i}`,
      text: {type: 'plain_text', text: cut(text, slackLimits.buttonText)},
      url,
    }));
  return {
    // Shown in notifications and read aloud, where blocks are not.
    text: cut(escaped(plainText(message)), slackLimits.text),
    blocks: [
      {
        type: 'header',
        text: {type: 'plain_text', text: cut(`${mark(message)} ${headline(message)}`, slackLimits.headerText)},
      },
      ...(fields.length ? [{type: 'section', fields}] : []),
      ...(detail
        ? [
            {
              type: 'section',
              text: {type: 'mrkdwn', text: `\`\`\`${cut(escaped(detail).replace(/`/g, "'"), 2_000)}\`\`\``},
            },
          ]
        : []),
      ...(buttons.length ? [{type: 'actions', elements: buttons}] : []),
      {
        type: 'context',
        elements: [{type: 'mrkdwn', text: cut(escaped(`Began ${utc(message.sinceMs)} · ${message.key}`), 2_000)}],
      },
    ],
  };
}

function mark({kind, severity}: Message): string {
  if (kind === 'recovery') return '🟢';
  return severity === 'critical' ? '🔴' : severity === 'warning' ? '🟠' : '🔵';
}

/** Slack reads these three characters as markup; everything else is plain. */
function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** Cuts by characters, not inside an entity or a pair of surrogates. */
function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max - 1).replace(/&[a-z]{0,3}$|[\ud800-\udbff]$/, '')}…`;
}
