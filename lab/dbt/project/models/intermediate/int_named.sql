select r.*
  from {{ ref('stg_reports') }} r
 where not exists (select 1 from {{ ref('int_rejected') }} x where x.report = r.report)
{%- if is_incremental() %}
   and r.report > (select max(report) from {{ this }})
{%- endif %}
