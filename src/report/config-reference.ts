interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly additionalProperties?: boolean | SchemaNode;
}

/** The table of all configuration keys, from the JSON Schema, depth first in the order of the schema. */
export function renderConfigReference(schema: SchemaNode): string {
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...rows(schema, '')].join('\n');
}

function rows(node: SchemaNode, prefix: string): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const key = `${prefix}${name}`;
    const required = node.required?.includes(name) && child.default === undefined;
    const nested = child.items?.properties
      ? rows(child.items, `${key}[].`)
      : [...rows(child, `${key}.`), ...namedRows(child, key)];
    return [
      `| \`${key}\` | ${typeText(child)} | ${required ? '**required**' : child.default === undefined || typeof child.default === 'object' ? '' : `\`${String(child.default)}\``} | ${(child.description ?? '').replace(/\|/g, '\\|')} |`,
      ...nested,
    ];
  });
}

/** Keys below a name that the user chooses, such as that of a channel; those of each kind of it one after the other. */
function namedRows({additionalProperties: value}: SchemaNode, key: string): string[] {
  if (typeof value !== 'object') return [];
  const kinds = value.oneOf ?? value.anyOf;
  if (!kinds) return rows(value, `${key}.NAME.`);
  return kinds.flatMap((kind) => {
    const {type, ...others} = kind.properties ?? {};
    const name = `\`${key}.NAME\` of type \`${String(type?.const ?? 'any')}\``;
    return [
      `| ${name} | keys |  | ${type?.description ?? ''} |`,
      ...rows({...kind, properties: others}, `${key}.NAME.`),
    ];
  });
}

function typeText(node: SchemaNode): string {
  if (node.enum) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.anyOf) return node.anyOf.map(typeText).join(' or ');
  if (node.type === 'array') return `list of ${node.items ? typeText(node.items) : 'values'}`;
  if (node.type === 'object') return 'keys';
  return String(node.type ?? 'any');
}
