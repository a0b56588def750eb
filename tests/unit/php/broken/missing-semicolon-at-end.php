<?php
$options['installed'] = true
