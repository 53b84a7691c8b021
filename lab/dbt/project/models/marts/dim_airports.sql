select a.airport, count(f.report) as strikes from {{ ref('stg_airports') }} a left join {{ ref('fct_strikes') }} f using (airport) group by 1
