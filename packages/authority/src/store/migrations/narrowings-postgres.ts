/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const narrowingsPostgres: readonly string[] = [
  `CREATE TABLE "narrowings" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "kind" text COLLATE "C" NOT NULL,
    "target_id" text COLLATE "C" NOT NULL,
    "owner" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "former" text COLLATE "C" NOT NULL,
    "narrowed" text COLLATE "C" NOT NULL,
    "version" bigint NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "trial_ends_at" bigint NOT NULL,
    "ended_at" bigint,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "narrowings_by_tenant_kind_target_id_created_at_id" ON "narrowings" (
    "tenant",
    "kind",
    "target_id",
    "created_at",
    "id"
  )`,
  `CREATE INDEX "narrowings_by_status_trial_ends_at_tenant_id" ON "narrowings" (
    "status",
    "trial_ends_at",
    "tenant",
    "id"
  )`,
];
