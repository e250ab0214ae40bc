/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const detailsSqlite: readonly string[] = [
  `CREATE TABLE "detail_types" (
    "tenant" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "definition" TEXT NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "type")
  ) STRICT`,
];
