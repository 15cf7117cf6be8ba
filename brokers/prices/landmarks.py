"""Landmark closes the embedded sample is pinned to: peaks, troughs and breakouts.

Each is a fact anyone can look up in a newspaper or on a chart, rounded as they print it. The closes
between them are simulated by `sample.py`. Near an opening or closing of the gate they are closer
together, for a breakout is a matter of days.
"""

LANDMARKS: dict[str, dict[str, float]] = {
    # Russell 2000, index points.
    "^RUT": {
        "1987-09-10": 168.97,  # the first close there is
        "1987-10-05": 172.54,  # peak before the crash of 1987
        "1987-10-28": 106.08,  # trough of that crash
        "1989-10-09": 180.78,  # the record that stood until 1991
        "1990-10-30": 118.82,  # trough of the Gulf crisis
        "1998-04-21": 491.41,  # peak before the Russian default
        "1998-10-08": 310.28,  # trough of the LTCM crisis
        "2000-03-09": 606.05,  # peak of the dot-com boom
        "2001-09-21": 378.89,
        "2002-04-16": 522.95,
        "2002-10-09": 327.04,  # trough of the bear market
        "2007-07-13": 855.77,  # peak before the financial crisis
        "2008-11-20": 385.31,
        "2009-01-06": 514.71,
        "2009-03-09": 343.26,  # trough of the financial crisis
        "2011-04-26": 853.04,  # the last day under the record of 2007
        "2011-04-27": 858.31,  # above the record of 2007
        "2011-04-29": 865.29,  # the record that stood until 2013
        "2011-05-20": 829.06,
        "2011-10-03": 609.49,  # trough of the euro area's debt crisis
        "2012-12-31": 849.35,  # the last day under the record of 2011
        "2013-01-02": 873.42,  # above the record of 2011
        "2013-01-04": 879.15,
        "2013-08-05": 1063.01,
        "2013-11-29": 1142.89,
        "2014-02-05": 1093.59,
        "2014-03-04": 1208.65,  # the record of the spell from 2013
        "2014-05-05": 1126.3,
        "2014-05-08": 1097.43,  # third close in a row below the 200-session average
        "2014-11-12": 1186.47,
        "2015-06-23": 1295.8,  # the record that stood until November 2016
        "2016-02-11": 953.72,  # trough of the oil price scare
        "2016-11-11": 1282.38,  # the last day under the record of 2015
        "2016-11-14": 1298.6,  # above the record of 2015
        "2016-11-16": 1302.2,
        "2017-03-01": 1413.64,
        "2017-05-17": 1355.89,
        "2017-07-25": 1450.39,  # record, exceeded on 2017-09-22
        "2017-08-16": 1383.53,
        "2017-08-17": 1358.94,
        "2017-08-21": 1356.9,  # third close in a row below the 200-session average
        "2017-09-21": 1444.18,  # the last day under it
        "2017-09-22": 1450.78,  # above the record of July
        "2017-09-26": 1456.86,
        "2017-11-15": 1464.09,
        "2018-04-18": 1583.56,
        "2018-08-31": 1740.75,  # the record that stood until November 2020
        "2018-10-09": 1621.87,
        "2018-10-12": 1546.68,  # third close in a row below the 200-session average
        "2018-12-24": 1266.92,  # trough of 2018
        "2020-01-16": 1705.22,  # peak before the pandemic
        "2020-03-18": 991.16,  # trough of the pandemic
        "2020-11-12": 1708.47,  # the last day under the record of 2018
        "2020-11-13": 1744.04,  # above the record of 2018
        "2020-11-17": 1791.91,
        "2021-01-04": 1945.91,
        "2021-05-12": 2135.14,
        "2021-06-25": 2334.4,
        "2021-11-08": 2442.74,  # the record that stood until September 2025
        "2021-11-24": 2331.46,
        "2021-11-26": 2245.94,  # the omicron Friday
        "2021-11-30": 2198.91,  # third close in a row below the 200-session average
        "2022-06-16": 1649.84,  # trough of 2022
        "2024-11-25": 2442.03,  # 0.71 short of the record of 2021
        "2025-04-08": 1760.71,  # trough of the tariff shock
        "2025-08-01": 2166.78,
        "2025-09-17": 2407.34,  # the last day under the record of 2021
        "2025-09-18": 2467.7,  # above the record of 2021
        "2025-09-22": 2463.34,
        "2025-10-27": 2520.44,  # record of the failed breakout
        "2025-11-14": 2388.23,
        "2025-11-17": 2341.38,
        "2025-11-19": 2347.89,  # third close in a row 3 % below the level
        "2025-12-03": 2512.14,  # the last day under the record of October
        "2025-12-04": 2531.16,  # above the record of October
        "2025-12-08": 2520.98,
        "2026-03-19": 2494.71,
        "2026-03-27": 2449.7,
        "2026-05-06": 2886.77,
        "2026-08-14": 3068.42,  # the record at the end
        "2026-08-20": 2992.43,  # the last day of the sample
    },
    # S&P 500, index points.
    "^GSPC": {
        "1986-08-06": 236.84,  # a year before ^RUT begins
        "1986-09-29": 229.91,
        "1987-08-25": 336.77,  # peak before the crash of 1987
        "1987-10-19": 224.84,
        "1990-07-16": 368.95,  # peak before the Gulf crisis
        "1990-10-11": 295.46,  # trough of the Gulf crisis
        "1998-07-17": 1186.75,  # peak before the Russian default
        "1998-08-31": 957.28,
        "2000-03-24": 1527.46,  # peak of the dot-com boom
        "2001-04-04": 1103.25,
        "2001-05-21": 1312.83,
        "2001-09-21": 965.8,
        "2002-01-04": 1172.51,
        "2002-07-23": 797.7,
        "2002-08-22": 962.7,
        "2002-10-09": 776.76,  # trough of the bear market
        "2002-11-27": 938.87,
        "2003-03-11": 800.73,
        "2007-10-09": 1565.15,  # peak before the financial crisis
        "2008-10-27": 848.92,
        "2008-11-04": 1005.75,
        "2008-11-20": 752.44,
        "2009-01-06": 934.7,
        "2009-03-09": 676.53,  # trough of the financial crisis
        "2010-04-23": 1217.28,
        "2010-07-02": 1022.58,
        "2011-04-29": 1363.61,
        "2011-10-03": 1099.23,  # trough of the euro area's debt crisis
        "2015-05-21": 2130.82,
        "2016-02-11": 1829.08,  # trough of the oil price scare
        "2016-11-04": 2085.18,
        "2016-11-16": 2176.94,
        "2018-01-26": 2872.87,  # peak before the volatility shock
        "2018-02-08": 2581.0,
        "2018-09-20": 2930.75,  # peak of 2018
        "2018-12-24": 2351.1,  # trough of 2018
        "2020-02-19": 3386.15,  # peak before the pandemic
        "2020-03-23": 2237.4,  # trough of the pandemic
        "2020-11-17": 3609.53,
        "2022-01-03": 4796.56,  # peak before the rate rises
        "2022-06-16": 3666.77,
        "2022-08-16": 4305.2,
        "2022-10-12": 3577.03,  # trough of the rate rises
        "2024-07-16": 5667.2,
        "2024-08-05": 5186.33,
        "2025-02-19": 6144.15,  # peak before the tariff shock
        "2025-04-08": 4982.77,  # trough of the tariff shock
        "2025-10-28": 6890.89,
        "2025-11-20": 6538.76,
        "2026-08-13": 7798.99,
        "2026-08-20": 7641.16,  # the last day of the sample
    },
    # Bitcoin, USD at 24:00 UTC.
    "BTC-USD": {
        "2014-09-17": 457.33,  # the first close most histories have
        "2015-01-14": 178.1,  # trough after Mt. Gox
        "2017-09-01": 4892,
        "2017-09-14": 3155,
        "2017-12-16": 19497,  # peak of 2017
        "2018-02-05": 6955,
        "2018-03-05": 11573,
        "2018-04-06": 6636,
        "2018-05-05": 9858,
        "2018-06-28": 5903,
        "2018-07-24": 8424,
        "2018-12-15": 3237,  # trough of 2018
        "2019-06-26": 13016,  # peak of 2019
        "2019-12-17": 6641,
        "2020-02-12": 10326,
        "2020-03-12": 4971,  # the pandemic, in one day
        "2021-04-13": 63503,  # first peak of 2021
        "2021-07-20": 29807,
        "2021-11-08": 67567,  # peak of 2021
        "2022-01-22": 35030,
        "2022-03-29": 47466,
        "2022-11-21": 15787,  # trough after FTX
        "2025-10-06": 124753,  # peak of 2025
        "2026-06-30": 58559,
        "2026-08-20": 73033,  # the last day of the sample
    },
    # Ether.
    "ETH-USD": {
        "2017-11-09": 320.88,  # the first close most histories have
        "2017-11-10": 299.25,
        "2018-01-13": 1396,  # peak of the first boom
        "2018-04-06": 370.29,
        "2018-05-05": 816.12,
        "2018-12-14": 84.31,  # trough of 2018
        "2019-06-26": 336.75,
        "2019-12-17": 122.6,
        "2020-02-14": 284.22,
        "2020-03-16": 110.61,  # trough of the pandemic
        "2021-05-11": 4169,
        "2021-07-20": 1788,
        "2021-11-08": 4812,  # peak of 2021
        "2022-01-22": 2405,
        "2022-04-03": 3523,
        "2022-06-18": 993.64,  # trough of 2022
        "2022-08-13": 1981,
        "2022-11-09": 1100,
        "2024-03-11": 4066,
        "2024-09-06": 2224,
        "2024-12-06": 4006,
        "2025-04-08": 1473,
        "2025-08-22": 4831,  # peak of 2025
        "2026-06-25": 1565,
        "2026-08-20": 2326,  # the last day of the sample
    },
    # Solana.
    "SOL-USD": {
        "2020-04-10": 0.95,  # the first close there is
        "2020-05-11": 0.52,
        "2020-08-31": 4.78,
        "2020-11-04": 1.39,
        "2021-05-18": 55.91,
        "2021-05-23": 24.69,
        "2021-11-06": 258.93,  # peak of 2021
        "2022-03-13": 78.94,
        "2022-04-03": 136.78,
        "2022-06-13": 28.19,
        "2022-08-13": 46.49,
        "2022-12-29": 9.65,  # trough after FTX
        "2025-01-18": 261.87,  # peak of 2025
        "2025-04-08": 105.51,
        "2025-09-18": 247.64,
        "2026-06-06": 62.19,
        "2026-07-20": 77.85,  # the last one looked up: a walk of its own from here on
    },
    # Litecoin.
    "LTC-USD": {
        "2014-09-17": 5.06,  # the first close most histories have
        "2015-01-14": 1.16,  # trough after Mt. Gox
        "2015-07-09": 7.54,
        "2015-09-03": 2.63,
        "2017-09-01": 86.04,
        "2017-09-14": 41.58,
        "2017-12-18": 358.34,  # peak of 2017
        "2018-02-05": 125.33,
        "2018-02-20": 232.85,
        "2018-04-06": 113.15,
        "2018-05-05": 177.76,
        "2018-12-14": 23.46,  # trough of 2018
        "2019-06-22": 141.9,
        "2019-12-17": 37.08,
        "2020-02-14": 82.99,
        "2020-03-12": 30.93,
        "2021-05-09": 386.45,  # peak of 2021
        "2021-07-20": 107.4,
        "2021-11-14": 278.01,
        "2022-06-13": 43.3,  # trough of 2022
        "2023-07-02": 113.22,
        "2024-08-07": 55.98,
        "2025-01-17": 136.99,
        "2026-06-25": 40.92,
        "2026-07-20": 47.37,  # the last one looked up: a walk of its own from here on
    },
}
