/**
 * Slack's published limits for messages with blocks (Block Kit reference), as far as alerts use them. A type that is
 * not listed here is refused: better a false refusal in a rehearsal than a false approval.
 */
type Json = Readonly<Record<string, unknown>>;

const maxBlocks = 50;
const maxText = 40_000;

/** @returns the word Slack refuses the message with, or undefined when it takes it. */
export function slackRefusal(message: unknown): 'invalid_payload' | 'no_text' | 'invalid_blocks' | undefined {
  if (!isObject(message)) return 'invalid_payload';
  const {text, blocks, attachments} = message;
  if (text !== undefined && (typeof text !== 'string' || text.length > maxText)) return 'invalid_payload';
  if (blocks === undefined)
    return typeof text === 'string' && text !== '' ? undefined : attachments === undefined ? 'no_text' : undefined;
  if (!Array.isArray(blocks) || blocks.length === 0 || blocks.length > maxBlocks) return 'invalid_blocks';
  const ids = blocks.flatMap((block) =>
    isObject(block) && block['block_id'] !== undefined ? [block['block_id']] : [],
  );
  if (new Set(ids).size !== ids.length) return 'invalid_blocks';
  return blocks.every(isBlock) ? undefined : 'invalid_blocks';
}

function isBlock(block: unknown): boolean {
  if (!isObject(block)) return false;
  if (block['block_id'] !== undefined && !isText(block['block_id'], 255)) return false;
  switch (block['type']) {
    case 'header':
      return isTextObject(block['text'], 150, ['plain_text']);
    case 'section':
      return isSection(block);
    case 'context':
      return isList(block['elements'], 10, (element) => isTextObject(element, 2_000) || isImage(element));
    case 'actions':
      return isList(block['elements'], 25, isButton);
    case 'image':
      return isImage(block);
    case 'divider':
      return true;
    default:
      return false;
  }
}

function isSection({text, fields, accessory}: Json): boolean {
  if (text === undefined && fields === undefined) return false;
  if (text !== undefined && !isTextObject(text, 3_000)) return false;
  if (fields !== undefined && !isList(fields, 10, (field) => isTextObject(field, 2_000))) return false;
  return accessory === undefined || isButton(accessory) || isImage(accessory);
}

function isButton(element: unknown): boolean {
  if (!isObject(element) || element['type'] !== 'button' || !isTextObject(element['text'], 75, ['plain_text']))
    return false;
  const {url, value, action_id: actionId, style} = element;
  const isUrl = url === undefined || (isText(url, 3_000) && /^https?:\/\//.test(url as string));
  const isStyle = style === undefined || style === 'primary' || style === 'danger';
  return (
    isUrl &&
    isStyle &&
    (value === undefined || isText(value, 2_000)) &&
    (actionId === undefined || isText(actionId, 255))
  );
}

function isImage(element: unknown): boolean {
  return (
    isObject(element) &&
    element['type'] === 'image' &&
    isText(element['image_url'], 3_000) &&
    isText(element['alt_text'], 2_000)
  );
}

function isTextObject(value: unknown, max: number, types: readonly string[] = ['plain_text', 'mrkdwn']): boolean {
  return isObject(value) && types.includes(String(value['type'])) && isText(value['text'], max);
}

function isText(value: unknown, max: number): boolean {
  return typeof value === 'string' && value.length >= 1 && value.length <= max;
}

function isList(value: unknown, max: number, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length >= 1 && value.length <= max && value.every(isItem);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
