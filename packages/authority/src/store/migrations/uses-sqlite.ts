/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const usesSqlite: readonly string[] = [];
