select report, 'nobody has named it' as why from {{ ref('stg_reports') }} where species = 'Unknown bird or bat'
