/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const codesSqlite: readonly string[] = [];
