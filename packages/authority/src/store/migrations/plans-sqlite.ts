/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const plansSqlite: readonly string[] = [
  `CREATE TABLE "plans" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "plan" TEXT NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "name")
  ) STRICT`,
  `CREATE TABLE "plan_holders" (
    "tenant" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "plan" TEXT,
    "raised" TEXT NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "kind", "id")
  ) STRICT`,
];
