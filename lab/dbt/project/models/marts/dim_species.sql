select species, count(*) as strikes from {{ ref('fct_strikes') }} group by 1
