select r.*
  from {{ ref('stg_reports') }} r
 where not exists (select 1 from {{ ref('int_rejected') }} x where x.report = r.report)
