export const pageFiles: Readonly<Record<string, string>> = {};
