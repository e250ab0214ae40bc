/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const leaksSqlite: readonly string[] = [
  `CREATE TABLE "leaks" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "credential" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "sightings" TEXT NOT NULL,
    "steps" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "due_at" INTEGER,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    UNIQUE ("tenant", "kind", "credential")
  ) STRICT`,
  `CREATE INDEX "leaks_by_tenant_created_at_id" ON "leaks" (
    "tenant",
    "created_at",
    "id"
  )`,
  `CREATE INDEX "leaks_by_due_at" ON "leaks" (
    "due_at"
  )`,
  `CREATE TABLE "leak_policies" (
    "tenant" TEXT NOT NULL,
    "policy" TEXT NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant")
  ) STRICT`,
];
